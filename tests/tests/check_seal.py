"""Checks sealed headers with the executable specification, with no code of this project in between.

Signatures are left out: the specification is of the work alone.

usage: check_seal.py REFERENCE.py < CASE.json
CASE holds the run's parameters and `headers`, a list of SCALE headers in hex. Prints one verdict a line: `valid`, or the
name of the first rule that the seal breaks.
"""
import hashlib, importlib.util, json, struct, sys


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "the bytes end early"
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def compact(self):
        """SCALE's compact integer."""
        first = self.take(1)[0]
        mode, low = first & 3, first >> 2
        if mode == 3:
            return int.from_bytes(self.take(low + 4), "little")
        return low | int.from_bytes(self.take((0, 1, 3)[mode]), "little") << 6

    def sized(self):
        return self.take(self.compact())

    def done(self):
        assert self.at == len(self.data), "bytes are left over"


def compact(value):
    for mode, limit, size in ((0, 1 << 6, 1), (1, 1 << 14, 2), (2, 1 << 30, 4)):
        if value < limit:
            return (value << 2 | mode).to_bytes(size, "little")
    raise ValueError(value)


def open_header(header):
    """The hash of the header without its seal, its author and its seal's bytes."""
    r = Reader(header)
    r.take(32); r.compact(); r.take(64)
    before = header[:r.at]
    kept, author, seal = [], None, None
    for _ in range(r.compact()):
        start = r.at
        kind = r.number("<B")
        if kind in (4, 5, 6):               # consensus, seal, pre-runtime: engine and bytes
            engine, payload = r.take(4), r.sized()
            if engine == b"pow_" and kind == 5:
                seal = payload
                continue
            if engine == b"pow_" and kind == 6:
                author = payload
        elif kind == 0:                     # other: bytes
            r.sized()
        else:
            assert kind == 8                # the runtime was replaced
        kept.append(header[start:r.at])
    r.done()
    unsealed = before + compact(len(kept)) + b"".join(kept)
    return hashlib.blake2b(unsealed, digest_size=32).digest(), author, seal


def open_seal(data):
    """The seal after its signature: one byte for the kind, and 64."""
    r = Reader(data)
    r.take(65)
    seal = {"run": r.number("<Q"), "step": r.number("<Q"), "tile": (r.number("<I"), r.number("<I")), "weights_root": r.take(32),
            "a_rows": r.sized(), "labels": [r.number("<H") for _ in range(16)], "a_path": [r.take(32) for _ in range(r.compact())],
            "b_rows": r.sized(), "b_path": [r.take(32) for _ in range(r.compact())]}
    r.done()
    return seal


def main():
    spec = importlib.util.spec_from_file_location("quern_ref", sys.argv[1])
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    case = json.load(sys.stdin)
    for header in case.pop("headers"):
        pre_hash, author, seal = open_header(bytes.fromhex(header))
        terms = {key: bytes.fromhex(value) if key in ("genesis", "run_seed", "dataset_root") else int(value)
                 for key, value in case.items()}
        print(reference.verify_seal(open_seal(seal), pre_hash=pre_hash, author=author, **terms) or "valid")


main()
