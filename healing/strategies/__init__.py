"""One way to heal a file: an issue and a situation in, a change with its evidence or a refusal out.

The order is that of specificity: a release that is known to be bad is rolled back, not restarted;
an overload is met with room, not with a restart that would take room away.
"""

from healing.strategies.restart import propose_restart
from healing.strategies.roll_back import propose_roll_back
from healing.strategies.scale_up import propose_scale_up

STRATEGIES = (propose_roll_back, propose_scale_up, propose_restart)
