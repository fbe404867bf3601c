"""`homeostat demo`: the real service, a digital twin to look after, and a story of what happens."""
