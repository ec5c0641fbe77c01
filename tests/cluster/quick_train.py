"""``pointnc.train`` for machines whose heartbeats are short."""

from pointnc.train import main
from pointnc.training import distributed

if __name__ == "__main__":
    distributed.LOST_MACHINE = 3.5
    main()
