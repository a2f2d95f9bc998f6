"""Two telephones in a browser, at the far ends of the simulated telephone company's lines.

Whoever opens the page holds the caller's phone or the agent's, and speaks and hears by the browser's microphone and
loudspeaker. Their voices go the way of every call: the simulated company signs its webhooks and opens media streams to
the real server, which knows nothing of browsers. `Site(Parlour(…), Entrance(), Offer(…)).serve(host, port)` opens it.
"""

from bmv.simulator.phone.entrance import LOOPBACK, Entrance
from bmv.simulator.phone.page import Offer
from bmv.simulator.phone.parlour import House, Parlour
from bmv.simulator.phone.site import Site

__all__ = ["LOOPBACK", "Entrance", "House", "Offer", "Parlour", "Site"]
