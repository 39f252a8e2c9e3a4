"""The clinic's signed word that a blob is on its disk, checked in every field before anything local goes."""

from __future__ import annotations

from pydantic import ValidationError

from app.offline.outbox import FailureKind, OutboxBlob
from app.offline.trouble import UploadFailed
from app.wire.intake import Receipt
from app.wire.signed import Context, SignatureError, Signed, verify


class ReceiptWrong(UploadFailed):
    """A receipt with a wrong signature, or for something else. Nothing is erased."""

    kind = FailureKind.REFUSED
    sentence = "The clinic's receipt does not fit this item. It stays saved here. Please call the clinic."


def check_receipt(text: bytes, row: OutboxBlob, device_id: str, receipt_key: bytes) -> bytes:
    """The receipt's bytes (Signed as JSON) to keep. Raises :class:`ReceiptWrong` unless all of it fits `row`."""
    try:
        signed = Signed.model_validate_json(text)
        receipt = verify(signed, Context.RECEIPT, receipt_key, Receipt)
    except (ValidationError, SignatureError) as exc:
        raise ReceiptWrong(f"{row.blob}: the receipt is not signed as it should be") from exc
    said = (receipt.submission, receipt.blob, receipt.sha256, receipt.size, receipt.device_id)
    if said != (row.submission, row.blob, row.sha256, row.size, device_id):
        raise ReceiptWrong(f"{row.blob}: the receipt is for {receipt.blob} of {receipt.size} bytes")
    return signed.model_dump_json().encode()
