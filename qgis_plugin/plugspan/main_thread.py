"""Work that belongs to the main thread: projects, layers and layouts may be touched nowhere else."""

from qgis.PyQt.QtCore import QCoreApplication, QObject, Qt, QThread, pyqtSignal

_waiting = set()
"""Qt does not keep what is still to be called."""


class _Call(QObject):
    """Carries one call over to the main thread, whose event loop makes it."""

    asked = pyqtSignal()

    def __init__(self, work):
        super().__init__()
        self.work = work
        self.moveToThread(QCoreApplication.instance().thread())
        self.asked.connect(self.make, Qt.ConnectionType.QueuedConnection)

    def make(self):
        """Do the work."""
        _waiting.discard(self)
        self.work()


def in_main_thread(work):
    """Do the work now if this is the main thread, else as soon as that is free.

    A tool ends in the main thread, but in a model it ends in the model's own. That one must not wait: the main thread
    may be waiting for the model.
    """
    if QThread.currentThread() == QCoreApplication.instance().thread():
        work()
        return
    call = _Call(work)
    _waiting.add(call)
    call.asked.emit()
