"""Starts the supervisor.

It is started as a file: to run a directory Python loads modules that nobody needs afterwards, six milliseconds and
half a megabyte in each of two processes. What is compiled ahead stands in modules, so that there is little here.
"""

import sys

sys.path.insert(0, __file__.rpartition("/")[0])  # Isolated Python leaves it out.

from supervisor import main

main()
