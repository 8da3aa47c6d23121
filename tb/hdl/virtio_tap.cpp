// SPDX-License-Identifier: Apache-2.0
// What stands behind virtio_tap.sv: puts the handshakes of an AXI4 master together to bursts, and logs records that Python
// takes (tb/cocotbext/virtio/records.py). The first half is called by the HDL, the last functions by Python. The rules of the
// bus are virtio_axi_rules.sv's to judge; what breaks them is followed here as there: wide beats as wide as the bus,
// illegal kinds as INCR, early ends as ends, and responses to nothing not at all.
//
// A record is a Header, little-endian (of bursts with AXI id, response, burst kind and bytes of a beat, of several those of
// the first), and `length` bytes of payload, filled up to a multiple of 8. By kind:
//   1 reset, 2 register AW, 3 W, 4 B, 5 AR, 6 R, 7 irq: no payload; `value` is laid out as virtio_tap.sv says
//   8 entropy      words with nothing between them, each word[32], cycles since `start`[32]
//   9 read         `value` is its address, the payload its bytes; bursts of which beats have failed make several records, and so
//                  do those of which the device had a part before it began what was logged before the rest came
//   10 write       `value` pieces, each address[64], length[64] and bytes, filled up to a multiple of 8
//   11 violation   rule, message, expected and seen, each ended by a 0 byte
//   12 unknown     the name of a signal that was X
//   22 port out, 23 port in: no payload; `value` is the item
//   20 frame sent, 21 received: its bytes; `value` is 1 if it came marked as bad
//
// A burst answered with OKAY that goes on where the record logged last, one of the same kind, ended is joined to it, `bursts`
// counting them, as long as all of them are of one id, began after whatever was logged before and, if writes, no
// write that does not go on from them began before the last was answered: the order of records is the same as without.
// Only what is at least kJoinBytes long is joined to, so that writes whose order matters (a used idx and the elements
// beside it) stay apart.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

enum Kind : uint8_t { kReset = 1, kEntropy = 8, kRead = 9, kWrite = 10, kViolation = 11, kUnknown = 12, kSent = 20 };

constexpr uint64_t kJoinBytes = 64;
constexpr uint64_t kMostBytes = uint64_t{1} << 20;  // of a record
constexpr uint64_t kPieceHead = 16;
constexpr int kFixed = 0;
constexpr int kIncr = 1;
constexpr int kWrap = 2;
constexpr int kMostFixed = 16;  // beats
constexpr int kErrorBit = 2;  // of an AXI response

struct Header {
    uint8_t kind;
    uint8_t response;
    uint16_t bursts;
    uint32_t length;
    uint64_t start;
    uint64_t cycle;
    uint64_t value;
    uint32_t id;
    uint8_t burst;
    uint8_t size;
    uint16_t unused;
};
static_assert(sizeof(Header) == 40, "Python reads this layout");

struct Piece {
    uint64_t address;
    std::vector<uint8_t> bytes;
    int response;

    uint64_t end() const { return address + bytes.size(); }
};

struct Burst {
    uint64_t start;
    int id;
    uint64_t address;
    int beats;
    int size;  // bytes of a beat
    int kind;
    int done = 0;
    uint64_t first_cycle = 0, last_cycle = 0;  // of the beats in `pieces`, for reads
    std::vector<Piece> pieces = {};

    // Address of the first byte of a beat: the first may be unaligned, the others are not (AXI4 A3.4.1).
    uint64_t beat(int index) const { return index == 0 || kind == kFixed ? address : aligned(index); }
    uint64_t beat_end(int index) const { return aligned(index) + size; }

    bool overlaps(uint64_t first, uint64_t end) const { return address < end && first < beat_end(beats - 1); }

    uint64_t aligned(int index) const {
        const uint64_t first = address & ~uint64_t(size - 1);
        const uint64_t offset = kind == kFixed ? 0 : uint64_t(index) * size;
        if (kind != kWrap) return first + offset;
        const uint64_t span = uint64_t(beats) * size;  // a power of two
        return (first & ~(span - 1)) + ((first + offset) & (span - 1));
    }

    void add(uint64_t at, const uint8_t *bytes, uint64_t length, int response) {
        if (pieces.empty() || pieces.back().end() != at || pieces.back().response != response) {
            pieces.push_back({at, {}, response});
            pieces.back().bytes.reserve(uint64_t(beats) * size);
        }
        pieces.back().bytes.insert(pieces.back().bytes.end(), bytes, bytes + length);
    }
};

struct Beat {
    uint64_t cycle;
    bool last;
    uint8_t data[64];
    uint64_t strobe;
};

bool okay(int response) { return !(response & kErrorBit); }

std::string text(const char *format, uint64_t a, uint64_t b = 0, uint64_t c = 0) {
    char buffer[128];
    snprintf(buffer, sizeof buffer, format, static_cast<unsigned long long>(a), static_cast<unsigned long long>(b),
             static_cast<unsigned long long>(c));
    return buffer;
}

// Characters as the HDL packs them, the last in the lowest byte.
std::string characters(const uint32_t *packed, int most) {
    std::string found;
    for (int i = most - 1; i >= 0; i--)
        if (const char c = static_cast<char>(packed[i / 4] >> 8 * (i % 4))) found += c;
    return found;
}

class Tap {
  public:
    explicit Tap(int lanes) : lanes_(lanes) {}

    void note(int kind, uint64_t cycle, uint64_t value) {
        if (kind == kReset) {
            reads_.clear();
            writes_.clear();
            answers_.clear();
            early_.clear();
            for (Frame &frame : frames_) frame = {};
        }
        if (kind == kEntropy) {
            entropy(cycle, static_cast<uint32_t>(value));
            return;
        }
        show_delivered(cycle);
        append(kind, cycle, cycle, value);
    }

    // A beat of a frame at the MAC port: full from lane 0 on, only the last one shorter, is what both sides promise.
    void frame(int kind, uint64_t cycle, bool last, bool bad, const uint8_t *data, uint64_t keep) {
        Frame &frame = frames_[kind - kSent];
        const uint64_t full = lanes_ == 64 ? ~uint64_t{0} : (uint64_t{1} << lanes_) - 1;
        if ((keep & (keep + 1)) != 0 || keep == 0 || (!last && keep != full))
            violation("MAC-KEEP", "", cycle, last ? "lanes from 0 on" : text("0x%llx", full), text("0x%llx", keep));
        if (frame.bytes.empty()) frame.start = cycle;
        for (int i = 0; i < lanes_; i++)
            if (keep >> i & 1) frame.bytes.push_back(data[i]);
        if (!last) return;
        append(kind, frame.start, cycle, bad);
        extend(frame.bytes.data(), frame.bytes.size());
        frame = {};
    }

    void violation(const std::string &rule, const std::string &message, uint64_t cycle,
                   const std::string &expected = "", const std::string &seen = "") {
        std::string payload;
        for (const std::string &part : {rule, message, expected, seen}) payload.append(part).push_back('\0');
        append(kViolation, cycle, cycle, 0);
        extend(payload.data(), payload.size());
    }

    void unknown(uint64_t cycle, const std::string &name) {
        append(kUnknown, cycle, cycle, 0);
        extend(name.data(), name.size());
    }

    void address(bool write, uint64_t cycle, int id, uint64_t address, int len, int log_size, int burst) {
        Burst opened{cycle, id, address, len + 1, std::min(1 << log_size, lanes_), burst};
        if (!legal_kind(opened)) opened.kind = kIncr;
        if (!write) {
            // What is asked for again may be so because of what has come of it: that is logged with its own cycle.
            bool again = tail_.kind == kRead && opened.overlaps(tail_.end - tail_.length, tail_.end);
            for (const Burst &open : reads_) again |= opened.overlaps(open.address, open.beat_end(open.beats - 1));
            if (again)
                for (Burst &open : reads_)
                    if (!open.pieces.empty()) log_part(open);
            if (again) tail_ = {};
            reads_.push_back(std::move(opened));
            return;
        }
        writes_.push_back(std::move(opened));
        while (!early_.empty() && !writes_.empty()) {
            write_beat(early_.front());
            early_.pop_front();
        }
    }

    void write_data(uint64_t cycle, bool last, const uint8_t *data, uint64_t strobe) {
        Beat beat{cycle, last, {}, strobe};
        memcpy(beat.data, data, lanes_);
        if (writes_.empty())
            early_.push_back(beat);
        else
            write_beat(beat);
    }

    void write_answer(uint64_t cycle, int id, int response) {
        const auto found = std::find_if(answers_.begin(), answers_.end(), [&](const Burst &b) { return b.id == id; });
        if (found == answers_.end()) return;
        show_delivered(found->start);
        const bool ok = okay(response);
        const std::vector<Piece> &pieces = found->pieces;
        if (pieces.size() != 1 || !ok || !join(kWrite, *found, pieces[0], cycle)) {
            append(kWrite, found->start, cycle, pieces.size(), response, &*found);
            for (const Piece &piece : pieces) {
                const uint64_t head[2] = {piece.address, piece.bytes.size()};
                extend(head, sizeof head);
                extend(piece.bytes.data(), piece.bytes.size());
            }
            if (pieces.size() == 1 && ok) joinable(kWrite, pieces[0]);
        }
        answers_.erase(found);
    }

    void read_data(uint64_t cycle, int id, int response, bool last, const uint8_t *data) {
        const auto found = std::find_if(reads_.begin(), reads_.end(), [&](const Burst &b) { return b.id == id; });
        if (found == reads_.end()) return;
        Burst &burst = *found;
        const uint64_t at = burst.beat(burst.done);
        if (burst.pieces.empty()) burst.first_cycle = cycle;
        burst.last_cycle = cycle;
        burst.add(at, data + (at & (lanes_ - 1)), burst.beat_end(burst.done) - at, response);
        burst.done++;
        if (!last && burst.done != burst.beats) return;
        show_delivered(burst.start);
        log_read(burst);
        reads_.erase(found);
    }

    // The log so far, valid until the next call.
    const uint8_t *take(uint64_t *length) {
        taken_.swap(log_);
        log_.clear();
        tail_ = {};
        *length = taken_.size();
        return taken_.data();
    }

    int open_bursts() const { return static_cast<int>(reads_.size() + writes_.size() + answers_.size()); }

  private:
    // What came in parts of reads still open may be why something was begun in cycle `start`: it is logged before that.
    void show_delivered(uint64_t start) {
        for (Burst &open : reads_) {
            if (open.pieces.empty() || open.first_cycle >= start || open.done == open.beats) continue;
            log_part(open);
        }
    }

    void log_part(Burst &open) {
        log_read(open);
        open.pieces.clear();
    }

    void log_read(const Burst &burst) {
        const uint64_t cycle = burst.last_cycle;
        const bool whole = burst.pieces.size() == 1 && okay(burst.pieces[0].response);
        for (const Piece &piece : burst.pieces) {
            if (whole && join(kRead, burst, piece, cycle)) break;
            append(kRead, burst.start, cycle, piece.address, piece.response, &burst);
            extend(piece.bytes.data(), piece.bytes.size());
            if (whole) joinable(kRead, piece);
        }
    }

    // What AXI4 A3.4.1 says of each kind of burst
    static bool legal_kind(const Burst &burst) {
        const int beats = burst.beats;
        if (burst.kind == kFixed) return beats <= kMostFixed;
        if (burst.kind == kWrap)
            return (beats == 2 || beats == 4 || beats == 8 || beats == 16) && burst.address % burst.size == 0;
        return burst.kind == kIncr;
    }

    void write_beat(const Beat &beat) {
        Burst &burst = writes_.front();
        const uint64_t at = burst.beat(burst.done);
        const int length = static_cast<int>(burst.beat_end(burst.done) - at);
        const int lane = static_cast<int>(at & (lanes_ - 1));
        for (int i = lane; i < lane + length;) {
            if (!(beat.strobe >> i & 1)) {
                i++;
                continue;
            }
            int end = i;
            while (end < lane + length && (beat.strobe >> end & 1)) end++;
            burst.add(at + (i - lane), beat.data + i, end - i, true);
            i = end;
        }
        burst.done++;
        if (beat.last || burst.done == burst.beats) {
            answers_.push_back(std::move(burst));
            writes_.pop_front();
        }
    }

    void entropy(uint64_t cycle, uint32_t word) {
        if (tail_.kind != kEntropy) {
            append(kEntropy, cycle, cycle, 0);
            tail_.kind = kEntropy;
        }
        Header header;
        memcpy(&header, &log_[record_], sizeof header);
        header.cycle = latest_ = cycle;
        memcpy(&log_[record_], &header, sizeof header);
        const uint32_t entry[2] = {word, static_cast<uint32_t>(cycle - header.start)};
        extend(entry, sizeof entry);
    }


    // Begins a record.
    void append(int kind, uint64_t start, uint64_t cycle, uint64_t value, int response = 0,
                const Burst *burst = nullptr) {
        before_ = latest_;
        latest_ = std::max(latest_, cycle);
        tail_ = {};
        record_ = log_.size();
        Header header{};
        header.kind = static_cast<uint8_t>(kind);
        header.response = static_cast<uint8_t>(response);
        header.bursts = 1;
        header.start = start;
        header.cycle = cycle;
        header.value = value;
        if (burst) {
            header.id = static_cast<uint32_t>(burst->id);
            header.burst = static_cast<uint8_t>(burst->kind);
            header.size = static_cast<uint8_t>(burst->size);
        }
        log_.resize(record_ + sizeof header);
        memcpy(&log_[record_], &header, sizeof header);
    }

    // Adds payload to the record at the end of the log.
    void extend(const void *payload, uint64_t length) {
        const auto *bytes = static_cast<const uint8_t *>(payload);
        log_.insert(log_.end(), bytes, bytes + length);
        const auto total = static_cast<uint32_t>(log_.size() - record_ - sizeof(Header));
        memcpy(&log_[record_ + offsetof(Header, length)], &total, sizeof total);
        log_.resize((log_.size() + 7) & ~size_t{7});
    }

    // The record at the end of the log is a burst of one piece, with which others may be joined.
    void joinable(Kind kind, const Piece &piece) {
        tail_ = {kind, piece.end(), piece.bytes.size()};
    }

    // Whether a write that does not go on from `burst` was begun after `cycle` and is not answered yet. It would begin within
    // what is joined, and so seem to come before the end of what it came after.
    bool begun_meanwhile(const Burst &burst, uint64_t cycle) const {
        uint64_t end = burst.beat_end(burst.beats - 1);
        for (const auto *open : {&answers_, &writes_}) {
            for (const Burst &other : *open) {
                if (&other == &burst || other.start <= cycle) continue;
                if (other.address != end) return true;
                end = other.beat_end(other.beats - 1);
            }
        }
        return false;
    }

    // Joins a burst to the record at the end of the log, if that may be done.
    bool join(Kind kind, const Burst &burst, const Piece &piece, uint64_t cycle) {
        const uint64_t length = tail_.length + piece.bytes.size();
        if (tail_.length < kJoinBytes || length > kMostBytes) return false;
        if (tail_.kind != kind || tail_.end != piece.address) return false;
        Header header;
        memcpy(&header, &log_[record_], sizeof header);
        if (header.start <= before_ || burst.start <= before_ || header.bursts == UINT16_MAX) return false;
        if (header.id != static_cast<uint32_t>(burst.id)) return false;
        if (kind == kWrite && begun_meanwhile(burst, header.cycle)) return false;
        header.bursts++;
        header.start = std::min(header.start, burst.start);
        header.cycle = cycle;
        memcpy(&log_[record_], &header, sizeof header);
        latest_ = std::max(latest_, cycle);
        const size_t data = record_ + sizeof header + (kind == kWrite ? kPieceHead : 0);
        log_.resize(data + tail_.length);
        extend(piece.bytes.data(), piece.bytes.size());
        if (kind == kWrite) memcpy(&log_[data - sizeof length], &length, sizeof length);
        tail_.length = length;
        tail_.end = piece.end();
        return true;
    }

    // A record that bursts may be joined to; none while `length` is 0.
    struct Tail {
        uint8_t kind;
        uint64_t end;
        uint64_t length;
    };

    struct Frame {
        uint64_t start;
        std::vector<uint8_t> bytes;
    };

    int lanes_;
    Frame frames_[2] = {};  // under way: sent, received
    std::deque<Burst> reads_, writes_, answers_;
    std::deque<Beat> early_;
    std::vector<uint8_t> log_, taken_;
    size_t record_ = 0;    // where the last record begins
    Tail tail_{};
    uint64_t before_ = 0;  // latest cycle of what was logged before the last record
    uint64_t latest_ = 0;
};

std::vector<std::unique_ptr<Tap>> taps;

}  // namespace

extern "C" {

void virtio_tap_open(int lanes, int *handle) {
    taps.push_back(std::make_unique<Tap>(lanes));
    *handle = static_cast<int>(taps.size()) - 1;
}

void virtio_tap_note(int handle, int kind, long long cycle, long long body) {
    taps[handle]->note(kind, static_cast<uint64_t>(cycle), static_cast<uint64_t>(body));
}

void virtio_tap_address(int handle, int write, long long cycle, int id, long long address, int len, int size, int burst) {
    taps[handle]->address(write != 0, static_cast<uint64_t>(cycle), id, static_cast<uint64_t>(address), len, size, burst);
}

void virtio_tap_write_data(int handle, long long cycle, int last, const uint32_t *data, long long strobe) {
    taps[handle]->write_data(static_cast<uint64_t>(cycle), last != 0, reinterpret_cast<const uint8_t *>(data),
                             static_cast<uint64_t>(strobe));
}

void virtio_tap_write_answer(int handle, long long cycle, int id, int response) {
    taps[handle]->write_answer(static_cast<uint64_t>(cycle), id, response);
}

void virtio_tap_read_data(int handle, long long cycle, int id, int response, int last, const uint32_t *data) {
    taps[handle]->read_data(static_cast<uint64_t>(cycle), id, response, last != 0,
                            reinterpret_cast<const uint8_t *>(data));
}

void virtio_tap_frame(int handle, int kind, long long cycle, int last, int bad, const uint32_t *data, long long keep) {
    taps[handle]->frame(kind, static_cast<uint64_t>(cycle), last != 0, bad != 0, reinterpret_cast<const uint8_t *>(data),
                        static_cast<uint64_t>(keep));
}

void virtio_tap_unknown(int handle, long long cycle, const uint32_t *name) {
    taps[handle]->unknown(static_cast<uint64_t>(cycle), characters(name, 12));
}

// What virtio_axi_rules has found at the port of the registers, 0, or of the memory.
void virtio_tap_violation(int handle, long long cycle, int port, const uint32_t *rule, const uint32_t *signal, int has_at,
                          long long at, int compared, long long expected, long long seen) {
    std::string where = (port == 0 ? "s_axil_" : "m_axi_") + characters(signal, 16);
    if (has_at) where += text(" of the burst at 0x%llx", static_cast<uint64_t>(at));
    taps[handle]->violation(characters(rule, 16), where, static_cast<uint64_t>(cycle),
                            compared ? text("0x%llx", static_cast<uint64_t>(expected)) : "",
                            compared ? text("0x%llx", static_cast<uint64_t>(seen)) : "");
}

// The records since the last call; they stay where they are until the next one.
const uint8_t *virtio_tap_take(int handle, uint64_t *length) { return taps[handle]->take(length); }

// Bursts begun and not answered.
int virtio_tap_open_bursts(int handle) { return taps[handle]->open_bursts(); }

}  // extern "C"
