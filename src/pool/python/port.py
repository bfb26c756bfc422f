"""The sockets of a child: packets in, frames out.

A packet is read whole or not at all, so that the sender can take back those that were not read. Frames go out on a
stream, in the order in which things happened.
"""
import contextlib
import select
import signal
import socket
import struct
import threading

#: kind, number of the run, length of the head, length of the note; then head, note and body.
PACKET = struct.Struct("<cIII")
#: kind, number of the run, length of what follows.
FRAME = struct.Struct("<cII")
#: How a run ended: outcome, whether the process leaves now, seconds that it took.
END = struct.Struct("<cBd")
#: The largest packet; what is longer comes over the stream.
ROOM = 65536
#: What the kernel takes whole or not at all.
WHOLE = 8192


class Gone(BaseException):
    """Nobody is at the other end any more."""


@contextlib.contextmanager
def undisturbed():
    """Nothing that a signal handler raises cuts in here: it waits for the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Port:
    def __init__(self, inbox, stream):
        self.inbox = inbox
        self.stream = stream
        self.lock = threading.RLock()
        #: The run that is under way, or the last.
        self.number = 0
        #: Whether nothing of the app's runs between a result and the end of the run: then both go out together.
        self.may_hold = False
        #: Whether the end of the run comes next.
        self.is_last = False
        self.held = b""
        #: Whether results were handed over that may not be stored yet.
        self.is_dirty = False
        #: How many answers to fences are to come.
        self.owed = 0

    def packets(self):
        """Kind, head, note and body of each packet, as views that are good until the next is asked for."""
        buffer = bytearray(ROOM)
        view = memoryview(buffer)
        receive, unpack, offset = self.inbox.recv_into, PACKET.unpack_from, PACKET.size
        while True:
            size = receive(buffer)
            if not size:
                return
            data = view
            kind, number, head, note = unpack(buffer)
            if kind == b"L":
                # The packet itself follows on the stream: it is too large for one.
                self.hear()
                size = head
                data = memoryview(self.read(size))
                kind, number, head, note = unpack(data)
            self.number = number
            end = offset + head
            yield kind, data[offset:end], data[end:end + note], data[end + note:size]

    def send(self, kind, *parts):
        frame = b"".join((FRAME.pack(kind, self.number, sum(map(len, parts))), *parts))
        with self.lock:
            if not self.held:
                return self.put(frame)
            # Twice is once for a result; not at all is not.
            self.put(self.held + frame)
            self.held = b""

    def put(self, data):
        """Writes all of it or nothing: a time limit may raise at any moment, and half a frame is the end."""
        if len(data) <= WHOLE:
            try:
                self.stream.send(data, socket.MSG_DONTWAIT)
                return
            except BlockingIOError:
                pass
        with undisturbed():
            self.stream.sendall(data)

    def store(self, *parts):
        """Hands a result over."""
        self.is_dirty = True
        if not self.is_last:
            return self.send(b"S", *parts)
        with self.lock:
            self.held += b"".join((FRAME.pack(b"S", self.number, sum(map(len, parts))), *parts))

    def fence(self):
        """Waits until everything that was handed over is stored."""
        with self.lock:
            self.is_dirty = False
            try:
                with undisturbed():
                    self.send(b"F")
                    self.owed += 1
                self.hear()
            except BaseException:
                self.is_dirty = True
                raise

    def hear(self):
        """Waits for the answers to all fences, those of which the wait was cut short included."""
        while self.owed:
            select.select([self.stream], [], [])
            with undisturbed():
                self.read(1)
                self.owed -= 1

    def read(self, size):
        data = bytearray(size)
        view = memoryview(data)
        while view:
            got = self.stream.recv_into(view)
            if not got:
                raise Gone
            view = view[got:]
        return data

    def close(self):
        for sock in (self.inbox, self.stream):
            try:
                sock.close()
            except OSError:
                pass
