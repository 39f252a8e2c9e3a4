"""What can go wrong with what is kept on this computer, as types; `str()` of each is a sentence fit for a screen."""

from __future__ import annotations


class OfflineError(Exception):
    """The ground of this part's typed errors. `detail` is for a log: it never holds clear content."""

    sentence = "Something on this computer did not work."

    def __init__(self, detail: str = "") -> None:
        super().__init__(self.sentence)
        self.detail = detail


class ProfileInUse(OfflineError):
    """Another process holds this profile's lock."""

    sentence = "Thinline is already open on this computer. Please use the window that is open."


class ProfileUnusable(OfflineError):
    """The profile folder cannot be made, belongs to someone else, or is open to others and cannot be closed."""

    sentence = "The folder in which Thinline keeps its items cannot be used."


class KeyMissing(OfflineError):
    """There is a store, but the secret that opens it is neither in the key ring nor in a key file."""

    sentence = (
        "The key to the items saved on this computer is missing, or the key ring is locked. Nothing was changed."
    )


class PassphraseNeeded(KeyMissing):
    """The secret is under a passphrase, and nobody gave one."""

    sentence = "The items saved on this computer are locked. Please open Thinline again and type the passphrase."


class WrongKey(OfflineError):
    """The store does not open with this key, or is no store of ours at all."""

    sentence = "The items saved on this computer cannot be opened with this key. Nothing was changed."


class StoreFailed(OfflineError):
    """Reading or writing the database failed; the connection was given up. What was being written may be lost."""

    sentence = "This computer could not write to its disk. What you just did was not saved."


class StoreDamaged(StoreFailed):
    """The store's file is not whole. Only a copy helps: app.offline.backup.restore."""

    sentence = (
        "The list of the items saved on this computer is damaged. The items themselves were not touched. "
        "Please close Thinline and open it again: then it looks for its last good copy of the list."
    )


class StoreGone(StoreDamaged):
    """The store's file is missing or empty, and sealed files or copies of it lie beside it: it is no new store."""

    sentence = (
        "The list of the items saved on this computer is missing, and there is no good copy of it. "
        "The items themselves were not touched. Please ask for help, and do not delete anything."
    )


class StoreTooNew(OfflineError):
    """A newer version of the app has written this store."""

    sentence = "A newer version of Thinline has been used on this computer. Please use that version."


class WriteFailed(OfflineError):
    """Writing or syncing a sealed file failed; the file was removed."""

    sentence = "This computer could not write to its disk. Nothing was saved."


class DiskFull(WriteFailed):
    """ENOSPC or EDQUOT."""

    sentence = "There is no room left on this computer. Nothing was saved."


class SealBroken(OfflineError):
    """A sealed file is not for us, was altered or cut short, or is not what its manifest says."""

    sentence = "This item cannot be opened: it was damaged or altered on its way."


class BlobMissing(OfflineError):
    """A sealed file that a row names is not on the disk."""

    sentence = "A saved item is no longer on this computer. Please take it again."


class BlobAltered(OfflineError):
    """A sealed file's size or SHA-256 is not what its row says."""

    sentence = "A saved item was damaged on this computer. Please take it again."


class NotEnrolled(OfflineError):
    """The device has no clinic yet, or has not yet fetched the care team's keys."""

    sentence = "This computer has not been set up with a clinic yet."


class TrustBroken(OfflineError):
    """A stored document does not hold against the pinned root key."""

    sentence = "The clinic's keys on this computer do not hold. Please ask the clinic for a new code."
