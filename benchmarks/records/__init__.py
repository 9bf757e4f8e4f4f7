"""Published records of physics-informed networks, and how far pinnrun gets on one thread of a CPU.

Every run is the one that ``pinnrun train experiment=record_…`` makes, with a look at the error now and then.
"""
