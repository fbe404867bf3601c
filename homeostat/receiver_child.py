"""A supervised receiver: its checked settings come as one argument, so that it starts at once.

`homeostat receiver` reads the settings file itself; that costs a third of a second more, which a
sender would wait each time that a receiver is started again.
"""

import json
import sys

import receiver.main
from homeostat.parent import end_with
from receiver.settings import read_back


def main() -> int:
    """Run one receiver: `receiver_child PARENT_PID SETTINGS_JSON`."""
    parent, settings = sys.argv[1:]
    end_with(int(parent))
    return receiver.main.run(read_back(json.loads(settings)))


if __name__ == "__main__":
    sys.exit(main())
