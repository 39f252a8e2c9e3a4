"""The one place where the campaigns name app/offline: what moves there is followed here, in one edit."""

from __future__ import annotations

from pathlib import Path

from app.net.errors import BadAnswer, NetError, NotTheClinic, Refused, Unreachable
from app.offline import uploader as uploader_module
from app.offline.allowance import Allowance
from app.offline.backup import back_up, mend, restore
from app.offline.capture import Capture, Part, SealedSubmission, Words, save_sealed, seal_submission
from app.offline.connectivity import LOOK_S, Change
from app.offline.drafts import DraftBook
from app.offline.errors import DiskFull, OfflineError, StoreFailed, WriteFailed, WrongKey
from app.offline.files import check_blob, erase_blob, write_blob
from app.offline.finishing import original_of
from app.offline.from_file import Parts, found_in
from app.offline.in_step import in_step
from app.offline.keys import DeviceKeys, device_keys, open_store_key
from app.offline.outbox import (
    ARRIVED,
    DELIVERED,
    GONE,
    LAST_RETRY_S,
    Dropped,
    Erased,
    Event,
    Failed,
    FailureKind,
    Interrupted,
    Life,
    Located,
    OutboxBlob,
    OutboxSubmission,
    Progress,
    Start,
    Stored,
    Transfer,
    apply,
    release,
    taken_back,
    try_again,
    withdraw,
)
from app.offline.patch import Patience
from app.offline.plan import Erase, Probe, Send, Sleep, Stage, next_work, view
from app.offline.profile import Profile
from app.offline.purposes import Purpose
from app.offline.receipts import check_receipt
from app.offline.recovery import sweep
from app.offline.replies import PLACE, Member, ReplyBook
from app.offline.reply_seal import opened_reply
from app.offline.store import Setting, Store, StoreCore
from app.offline.trust import care_team, sender
from app.offline.vault import SealedBytes, open_blob, open_manifest
from app.offline.worker import OutboxWorker, Surroundings
from app.wire.intake import PartRole
from app.wire.replies import ReplyContent, ReplyKind, ReplyRows
from app.wire.trust import CareTeamList, DeviceRecord, Role


def open_core(profile: Profile) -> StoreCore:
    """The profile's store with its key file's key (made when there is none)."""
    return StoreCore(profile.store_path, open_store_key(profile, None).secret)


def intact(row: OutboxBlob, folder: Path) -> str:
    """ "" when the row's sealed file is there whole, else what is wrong with it."""
    try:
        check_blob(folder, row.file, row.sha256, row.size)
    except OfflineError as exc:
        return f"{type(exc).__name__}: {exc.detail}"
    return ""


def short_deadlines(seconds: float) -> None:
    """What the uploader waits for an answer, of this process: a stall costs a campaign less."""
    uploader_module._DEADLINE_S = seconds


__all__ = [
    "ARRIVED",
    "DELIVERED",
    "GONE",
    "LAST_RETRY_S",
    "LOOK_S",
    "PLACE",
    "Allowance",
    "BadAnswer",
    "Capture",
    "CareTeamList",
    "Change",
    "DeviceKeys",
    "DeviceRecord",
    "DiskFull",
    "DraftBook",
    "Dropped",
    "Erase",
    "Erased",
    "Event",
    "Failed",
    "FailureKind",
    "Interrupted",
    "Life",
    "Located",
    "Member",
    "NetError",
    "NotTheClinic",
    "OfflineError",
    "OutboxBlob",
    "OutboxSubmission",
    "OutboxWorker",
    "Part",
    "PartRole",
    "Parts",
    "Patience",
    "Probe",
    "Profile",
    "Progress",
    "Purpose",
    "Refused",
    "ReplyBook",
    "ReplyContent",
    "ReplyKind",
    "ReplyRows",
    "Role",
    "SealedBytes",
    "SealedSubmission",
    "Send",
    "Setting",
    "Sleep",
    "Stage",
    "Start",
    "Store",
    "StoreCore",
    "StoreFailed",
    "Stored",
    "Surroundings",
    "Transfer",
    "Unreachable",
    "Words",
    "WriteFailed",
    "WrongKey",
    "apply",
    "back_up",
    "care_team",
    "check_receipt",
    "device_keys",
    "erase_blob",
    "found_in",
    "in_step",
    "intact",
    "mend",
    "next_work",
    "open_blob",
    "open_core",
    "open_manifest",
    "opened_reply",
    "original_of",
    "release",
    "restore",
    "save_sealed",
    "seal_submission",
    "sender",
    "short_deadlines",
    "sweep",
    "taken_back",
    "try_again",
    "view",
    "withdraw",
    "write_blob",
]
