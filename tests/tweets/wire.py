"""The real size of a record on the wire."""

from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from tweets.records import OutputRecord

HEADERS = st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=50)), max_size=4)


def bytes_on_the_wire(outgoing: OutputRecord) -> int:
    """Return the size of a batch that holds this record alone, as the client builds it for the broker."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=True,
        producer_id=2**40,
        producer_epoch=30_000,
        base_sequence=2**31 - 1,
        batch_size=10_000_000,
    )
    headers = [(name, content or b"") for name, content in outgoing.headers]
    assert builder.append(0, 1_700_000_000_000, outgoing.key, outgoing.value, headers) is not None
    return len(builder.build())
