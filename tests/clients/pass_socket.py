"""Opens a socket as a service manager does, and becomes the program that it is for: ADDRESS PORT PROGRAM ARGUMENTS..."""

import os
import socket
import sys

listening = socket.create_server((sys.argv[1], int(sys.argv[2])))
print(listening.getsockname()[1], flush=True)
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
sys.stdin.readline()
os.execv(sys.argv[3], sys.argv[3:])
