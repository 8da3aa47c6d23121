// SPDX-License-Identifier: Apache-2.0
// What stands behind virtio_axi_memory.sv: bytes in mapped files, the address map, error windows, and which burst is to
// be answered next. The first half is called by the HDL, the second by Python (tb/cocotbext/virtio/sim/fast_memory.py).

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace {

constexpr int kOkay = 0;
constexpr int kDecErr = 3;
constexpr int kNever = 4;  // not an AXI response: the access is not answered
constexpr uint8_t kJunk = 0xEE;
constexpr int kFixed = 0;
constexpr int kWrap = 2;
constexpr size_t kMaxUnmapped = 1024;

struct Region {
    uint64_t base;
    uint64_t size;
    uint8_t *bytes;
};

// Bytes from `first` on; of a write the strobed ones and what lies between them.
struct Span {
    uint64_t first = 0;
    uint64_t length = 0;

    void add(uint64_t address, uint64_t bytes) {
        if (!length) *this = {address, 0};
        const uint64_t before = first - std::min(first, address);
        first -= before;
        length = std::max(length + before, address - first + bytes);
    }
};

// Window of addresses where accesses fail, or whose bursts are left without an answer.
struct Window {
    uint64_t base;
    uint64_t size;
    bool read;
    bool write;
    int response;

    // Right for ranges that end with the address space too: their ends may be 0, their differences are not.
    bool touches(uint64_t address, uint64_t length) const {
        return address - base < size || base - address < length;
    }
};

struct Burst {
    int id;
    uint64_t address;
    int len;
    int size;
    int burst;
    int response;
    uint64_t due;
    Span touched;
};

struct Unmapped {
    uint64_t address;
    uint64_t length;
    uint64_t write;
    uint64_t cycle;
};

struct Memory {
    std::vector<Region> regions;
    std::vector<Window> windows;
    std::deque<Burst> waiting[2];  // reads, writes; in the order of their addresses
    Span written;  // by the beats of the write burst that has not been pushed yet
    std::vector<Unmapped> unmapped;
    size_t latest = 0;  // index of the region that was hit last

    uint8_t *find(uint64_t address, uint64_t length) {
        for (size_t i = 0; i < regions.size(); i++) {
            const size_t index = latest + i < regions.size() ? latest + i : latest + i - regions.size();
            const Region &region = regions[index];
            if (address >= region.base && length <= region.size && address - region.base <= region.size - length) {
                latest = index;
                return region.bytes + (address - region.base);
            }
        }
        return nullptr;
    }

    // kNever says nothing about the bytes: whoever is answered after all has read or written them.
    int window_response(uint64_t address, uint64_t length, bool write) const {
        for (const Window &window : windows)
            if (window.response != kNever && (write ? window.write : window.read) && window.touches(address, length))
                return window.response;
        return kOkay;
    }

    bool never_answers(const Span &touched, bool write) const {
        return std::any_of(windows.begin(), windows.end(), [&](const Window &window) {
            return window.response == kNever && (write ? window.write : window.read) && touched.length &&
                   window.touches(touched.first, touched.length);
        });
    }

    // The bytes for an access, or null with the response for it.
    uint8_t *access(uint64_t address, uint64_t length, bool write, uint64_t cycle, int *response) {
        uint8_t *bytes = find(address, length);
        if (!bytes) {
            if (unmapped.size() < kMaxUnmapped) unmapped.push_back({address, length, write, cycle});
            *response = kDecErr;
            return nullptr;
        }
        *response = windows.empty() ? kOkay : window_response(address, length, write);
        return *response == kOkay ? bytes : nullptr;
    }
};

std::vector<std::unique_ptr<Memory>> memories;

}  // namespace

extern "C" {

void virtio_memory_open(int *handle) {
    memories.push_back(std::make_unique<Memory>());
    *handle = static_cast<int>(memories.size()) - 1;
}

// A burst that is to be answered from cycle `due` on; a write after its data.
void virtio_memory_push(int handle, int write, int id, long long address, int len, int size, int burst, int response,
                        long long due) {
    Memory &memory = *memories[handle];
    const uint64_t at = static_cast<uint64_t>(address);
    const uint64_t beat = uint64_t{1} << size;
    Span touched{at, beat * (burst == kFixed ? 1 : len + 1) - (at & (beat - 1))};
    if (write) touched = std::exchange(memory.written, {});
    else if (burst == kWrap) touched = {at & ~(beat * (len + 1) - 1), beat * (len + 1)};
    memory.waiting[write].push_back({id, at, len, size, burst, response, static_cast<uint64_t>(due), touched});
}

// The burst to answer in `cycle`: the oldest, or, with `reorder` or where the oldest is never answered, any that none of
// the same id waits before.
void virtio_memory_pop(int handle, int write, long long cycle, int reorder, int *found, int *id, long long *address,
                       int *len, int *size, int *burst, int *response) {
    Memory &memory = *memories[handle];
    std::deque<Burst> &waiting = memory.waiting[write];
    *found = 0;
    for (size_t i = 0; i < waiting.size(); i++) {
        const Burst candidate = waiting[i];
        const bool blocked = std::any_of(waiting.begin(), waiting.begin() + i,
                                         [&](const Burst &older) { return older.id == candidate.id; });
        if (blocked || memory.never_answers(candidate.touched, write)) continue;
        if (candidate.due <= static_cast<uint64_t>(cycle)) {
            *found = 1;
            *id = candidate.id;
            *address = static_cast<long long>(candidate.address);
            *len = candidate.len;
            *size = candidate.size;
            *burst = candidate.burst;
            *response = candidate.response;
            waiting.erase(waiting.begin() + i);
            return;
        }
        if (!reorder) return;
    }
}

// Forgets all bursts (bus reset).
void virtio_memory_clear(int handle) {
    for (auto &waiting : memories[handle]->waiting) waiting.clear();
    memories[handle]->written = {};
}

// One beat of a read: `bytes` from `address` on, in their lanes of a bus of `lanes` bytes.
void virtio_memory_read(int handle, long long cycle, long long address, int bytes, int lanes, uint32_t *data,
                        int *response) {
    const uint64_t at = static_cast<uint64_t>(address);
    const uint8_t *source = memories[handle]->access(at, bytes, false, cycle, response);
    uint8_t *target = reinterpret_cast<uint8_t *>(data);
    if (!source || bytes != lanes) memset(target, kJunk, lanes);
    if (source) memcpy(target + (at & (lanes - 1)), source, bytes);
}

// One beat of a write: the bytes of the bus word `word` whose strobe is set. The response is the worst.
void virtio_memory_write(int handle, long long cycle, long long word, int lanes, const uint32_t *data, long long strobe,
                         int *response) {
    Memory &memory = *memories[handle];
    const uint8_t *source = reinterpret_cast<const uint8_t *>(data);
    const uint64_t enabled = static_cast<uint64_t>(strobe);
    *response = kOkay;
    for (int lane = 0; lane < lanes;) {
        if (!(enabled >> lane & 1)) {
            lane++;
            continue;
        }
        int end = lane;
        while (end < lanes && (enabled >> end & 1)) end++;
        const uint64_t at = static_cast<uint64_t>(word) + lane;
        int verdict = kOkay;
        uint8_t *target = memory.access(at, end - lane, true, cycle, &verdict);
        memory.written.add(at, end - lane);
        if (target) memcpy(target, source + lane, end - lane);
        *response = std::max(*response, verdict);
        lane = end;
    }
}

// Maps `size` bytes of the file `fd` at `base`. Returns 0 or an errno.
int virtio_memory_map(int handle, uint64_t base, uint64_t size, int fd) {
    void *bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) return errno;
    memories[handle]->regions.push_back({base, size, static_cast<uint8_t *>(bytes)});
    return 0;
}

// Removes all regions, windows and reports.
void virtio_memory_unmap(int handle) {
    Memory &memory = *memories[handle];
    for (const Region &region : memory.regions) munmap(region.bytes, region.size);
    memory.regions.clear();
    memory.windows.clear();
    memory.unmapped.clear();
    memory.latest = 0;
}

// Accesses that touch the range are answered with `response` (2 SLVERR, 3 DECERR), the first window that fits counting. Bursts
// that touch one of response 4 get no answer while it is there.
void virtio_memory_window(int handle, uint64_t base, uint64_t size, int read, int write, int response) {
    memories[handle]->windows.push_back({base, size, read != 0, write != 0, response});
}

void virtio_memory_clear_windows(int handle) { memories[handle]->windows.clear(); }

// Moves up to `room` reports of accesses to where no region is into `out`; returns how many.
int virtio_memory_unmapped(int handle, Unmapped *out, int room) {
    std::vector<Unmapped> &reports = memories[handle]->unmapped;
    const int count = std::min(static_cast<int>(reports.size()), room);
    std::copy_n(reports.begin(), count, out);
    reports.erase(reports.begin(), reports.begin() + count);
    return count;
}

}  // extern "C"
