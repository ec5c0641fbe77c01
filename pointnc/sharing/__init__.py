"""Work that several processes do together: ``torchrun``, or the jobs of an array with ``shard=3/16``."""

from pointnc.sharing.work import Work, failure_of, share_work

__all__ = ["Work", "failure_of", "share_work"]
