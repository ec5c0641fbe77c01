"""Work that several processes do together: ``torchrun``, or the jobs of an array with ``shard=3/16``."""

from pointnc.sharing.work import Work, share_work

__all__ = ["Work", "share_work"]
