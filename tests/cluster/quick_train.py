"""``pointnc.train`` for machines whose heartbeats are short."""

from pointnc.runtime import distributed
from pointnc.train import main

if __name__ == "__main__":
    distributed.LOST_MACHINE = 3.5
    main()
