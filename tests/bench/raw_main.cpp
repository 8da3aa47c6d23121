// SPDX-License-Identifier: Apache-2.0
// The disk read of tests/bodies/disk.py in plain C++, for tests/bench to compare with: the same device and storage
// (virtio_dut), with a memory on its DMA pins and a driver on its registers, and nothing else.
//
// usage: raw PLAN IMAGE REPEAT [+disk=IMAGE] [+verilator+...]
//
// PLAN has a line for each request: first sector, number of device-readable buffers and their lengths, number of
// device-writable ones and their lengths. They are made REPEAT times. Prints cycles and seconds, from reset on, as JSON. The
// exit status is 0 only if each time all that was read is what IMAGE holds.
//
// raw_spec.h is made from the Python that the tests use.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "Vtop.h"
#include "raw_spec.h"
#include "verilated.h"

namespace {

constexpr uint64_t kMemoryBase = 0x8000'0000;
constexpr uint64_t kMemoryBytes = 1 << 20;
constexpr unsigned kLanes = 8;
constexpr unsigned kResetCycles = 5;
constexpr uint64_t kPatience = 100'000;  // cycles until a wait is given up

static_assert(sizeof(Vtop::m_axi_rdata) == kLanes, "a data bus of 64 bits");

[[noreturn]] void fail(const std::string &what) {
    fprintf(stderr, "error: %s\n", what.c_str());
    exit(1);
}

void expect(bool condition, const char *what) {
    if (!condition) fail(std::string("expected ") + what);
}

class Memory {
  public:
    uint8_t *at(uint64_t address, uint64_t length) {
        const uint64_t offset = address - kMemoryBase;
        if (offset > kMemoryBytes - length) fail("access to where no memory is");
        return &bytes_[offset];
    }

    template <typename T>
    T get(uint64_t address) {
        T value;
        memcpy(&value, at(address, sizeof value), sizeof value);
        return value;
    }

    template <typename T>
    void put(uint64_t address, T value) {
        memcpy(at(address, sizeof value), &value, sizeof value);
    }

  private:
    std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kMemoryBytes);
};

// A queue of few.
template <typename T>
class Ring {
  public:
    bool empty() const { return count_ == 0; }
    unsigned size() const { return count_; }
    T &front() { return items_[first_]; }
    void push(const T &item) { items_[(first_ + count_++) % items_.size()] = item; }
    void pop() {
        first_ = (first_ + 1) % items_.size();
        count_--;
    }

  private:
    std::array<T, 16> items_;
    unsigned first_ = 0;
    unsigned count_ = 0;
};

// An AXI4 memory without waits: a burst is answered from the cycle after its request on, beats without a gap, in order.
class AxiMemory {
  public:
    AxiMemory(Vtop &pins, Memory &memory) : pins_(pins), memory_(memory) {
        pins.m_axi_arready = pins.m_axi_awready = pins.m_axi_wready = 0;
        pins.m_axi_rvalid = pins.m_axi_bvalid = 0;
        pins.m_axi_rresp = pins.m_axi_bresp = 0;
    }

    // Takes the handshakes of the rising edge that is about to come.
    void before_edge() {
        if (pins_.m_axi_arvalid && pins_.m_axi_arready)
            reads_.push({pins_.m_axi_araddr, pins_.m_axi_arlen + 1u, 1u << pins_.m_axi_arsize, pins_.m_axi_arid});
        if (pins_.m_axi_wvalid && pins_.m_axi_wready) write_beat();
        if (pins_.m_axi_awvalid && pins_.m_axi_awready)
            writes_.push({pins_.m_axi_awaddr, pins_.m_axi_awlen + 1u, 1u << pins_.m_axi_awsize, pins_.m_axi_awid});
        read_due_ = !pins_.m_axi_rvalid || pins_.m_axi_rready;
        answer_due_ = !pins_.m_axi_bvalid || pins_.m_axi_bready;
    }

    // Drives the pins for the cycle that has begun.
    void after_edge() {
        if (read_due_) read_beat();
        if (answer_due_) {
            pins_.m_axi_bvalid = !answers_.empty();
            if (!answers_.empty()) {
                pins_.m_axi_bid = answers_.front();
                answers_.pop();
            }
        }
        pins_.m_axi_arready = reads_.size() < 16;
        pins_.m_axi_awready = writes_.size() + answers_.size() < 16;
        pins_.m_axi_wready = !writes_.empty();
    }

  private:
    struct Burst {
        uint64_t address;
        unsigned beats;
        unsigned bytes;  // of a beat
        CData id;

        // Steps to the next beat; false after the last.
        bool next() {
            address = (address & ~uint64_t{bytes - 1}) + bytes;
            return --beats != 0;
        }
    };

    static uint64_t word(const Burst &burst) { return burst.address & ~uint64_t{kLanes - 1}; }

    void read_beat() {
        pins_.m_axi_rvalid = !reads_.empty();
        if (reads_.empty()) return;
        Burst &burst = reads_.front();
        pins_.m_axi_rdata = memory_.get<uint64_t>(word(burst));
        pins_.m_axi_rid = burst.id;
        pins_.m_axi_rlast = !burst.next();
        if (pins_.m_axi_rlast) reads_.pop();
    }

    void write_beat() {
        Burst &burst = writes_.front();
        uint8_t *target = memory_.at(word(burst), kLanes);
        const uint64_t data = pins_.m_axi_wdata;
        if (pins_.m_axi_wstrb == 0xFF) {
            memcpy(target, &data, kLanes);
        } else {
            for (unsigned lane = 0; lane < kLanes; lane++)
                if (pins_.m_axi_wstrb >> lane & 1) target[lane] = static_cast<uint8_t>(data >> 8 * lane);
        }
        if (!burst.next()) {
            answers_.push(burst.id);
            writes_.pop();
        }
    }

    Vtop &pins_;
    Memory &memory_;
    Ring<Burst> reads_, writes_;
    Ring<CData> answers_;
    bool read_due_ = false, answer_due_ = false;
};

// The device with a clock, its memory, and one register access at a time.
class Device {
  public:
    Device(Vtop &pins, Memory &memory) : pins_(pins), axi_(pins, memory) {
        pins.s_axil_awvalid = pins.s_axil_wvalid = pins.s_axil_bready = 0;
        pins.s_axil_arvalid = pins.s_axil_rready = 0;
        pins.s_axil_awprot = pins.s_axil_arprot = 0;
        pins.store_latency_i = pins.entropy_gap_i = 0;
    }

    uint64_t cycles() const { return cycles_; }

    // Puts the device, with a disk of so many sectors, through a bus reset.
    void reset(uint64_t sectors) {
        pins_.store_capacity_i = sectors;
        pins_.store_error_sector_i = ~uint64_t{0};
        pins_.rst_ni = 0;
        for (unsigned i = 0; i < kResetCycles; i++) tick();
        pins_.rst_ni = 1;
    }

    uint32_t read(unsigned offset) {
        tick();
        pins_.s_axil_araddr = offset;
        pins_.s_axil_arvalid = pins_.s_axil_rready = 1;
        finish_access();
        return data_;
    }

    void write(unsigned offset, uint32_t value) {
        tick();
        pins_.s_axil_awaddr = offset;
        pins_.s_axil_wdata = value;
        pins_.s_axil_wstrb = 0xF;
        pins_.s_axil_awvalid = pins_.s_axil_wvalid = pins_.s_axil_bready = 1;
        finish_access();
    }

    void wait_for_interrupt() {
        for (uint64_t waited = 0; !pins_.irq_o; waited++) {
            if (waited == kPatience) fail("no interrupt");
            tick();
        }
    }

  private:
    // One clock cycle, from after a rising edge to after the next.
    void tick() {
        pins_.clk_i = 0;
        pins_.eval();
        axi_.before_edge();
        const bool aw = pins_.s_axil_awvalid && pins_.s_axil_awready;
        const bool w = pins_.s_axil_wvalid && pins_.s_axil_wready;
        const bool ar = pins_.s_axil_arvalid && pins_.s_axil_arready;
        const bool b = pins_.s_axil_bvalid && pins_.s_axil_bready;
        const bool r = pins_.s_axil_rvalid && pins_.s_axil_rready;
        if (r) data_ = pins_.s_axil_rdata;
        pins_.clk_i = 1;
        pins_.eval();
        axi_.after_edge();
        if (aw) pins_.s_axil_awvalid = 0;
        if (w) pins_.s_axil_wvalid = 0;
        if (ar) pins_.s_axil_arvalid = 0;
        if (b) pins_.s_axil_bready = 0;
        if (r) pins_.s_axil_rready = 0;
        cycles_++;
    }

    void finish_access() {
        for (uint64_t waited = 0; pins_.s_axil_bready || pins_.s_axil_rready; waited++) {
            if (waited == kPatience) fail("no response to a register access");
            tick();
        }
    }

    Vtop &pins_;
    AxiMemory axi_;
    uint32_t data_ = 0;
    uint64_t cycles_ = 0;
};

struct Request {
    uint64_t sector;
    std::vector<uint32_t> readable, writable;
};

// The driver of a block device with one split virtqueue.
class Driver {
  public:
    Driver(Device &device, Memory &memory) : device_(device), memory_(memory) {}

    // Initializes the device (3.1.1, 4.2.3). Returns its capacity in sectors.
    uint64_t start() {
        expect(device_.read(Reg::MAGIC_VALUE) == kMagic, "the magic value");
        expect(device_.read(Reg::VERSION) == kVersion, "a modern device");
        expect(device_.read(Reg::DEVICE_ID) == kDeviceType, "a block device");
        device_.write(Reg::STATUS, 0);
        while (device_.read(Reg::STATUS)) {
        }
        add_status(Status::ACKNOWLEDGE);
        add_status(Status::DRIVER);
        uint64_t offered = 0;
        for (unsigned word = 0; word < 2; word++) {
            device_.write(Reg::DEVICE_FEATURES_SEL, word);
            offered |= uint64_t{device_.read(Reg::DEVICE_FEATURES)} << 32 * word;
        }
        for (unsigned word = 0; word < 2; word++) {
            device_.write(Reg::DRIVER_FEATURES_SEL, word);
            device_.write(Reg::DRIVER_FEATURES, static_cast<uint32_t>((offered & kFeatures) >> 32 * word));
        }
        add_status(Status::FEATURES_OK);
        expect(device_.read(Reg::STATUS) & Status::FEATURES_OK, "the features to be accepted");
        set_up_queue();
        const uint64_t capacity = read_capacity();
        add_status(Status::DRIVER_OK);
        return capacity;
    }

    // Makes all requests of a plan, some in flight together, and puts what they read into `disk`.
    void read_all(const std::vector<Request> &plan, std::vector<uint8_t> &disk) {
        std::deque<std::unique_ptr<Pending>> outstanding;
        for (size_t next = 0; next < plan.size() || !outstanding.empty();) {
            while (next < plan.size() && outstanding.size() < kInFlight) outstanding.push_back(submit(plan[next++]));
            while (!outstanding.front()->done) {
                device_.wait_for_interrupt();
                serve_interrupt(disk);
            }
            outstanding.pop_front();
        }
    }

  private:
    struct Buffer {
        uint64_t address;
        uint32_t length;
    };

    struct Pending {
        const Request *request;
        std::vector<Buffer> readable, writable;
        std::vector<uint16_t> descriptors;
        bool done = false;
    };

    void add_status(uint32_t bit) {
        status_ |= bit;
        device_.write(Reg::STATUS, status_);
    }

    void set_up_queue() {
        device_.write(Reg::QUEUE_SEL, 0);
        expect(device_.read(Reg::QUEUE_READY) == 0, "a queue that is not ready");
        size_ = static_cast<uint16_t>(device_.read(Reg::QUEUE_SIZE_MAX));
        expect(size_ > 0, "a queue");
        for (uint16_t i = 0; i < size_; i++) free_.push_back(i);
        by_head_.resize(size_);
        device_.write(Reg::QUEUE_SIZE, size_);
        const std::pair<unsigned, uint64_t> areas[] = {
            {Reg::QUEUE_DESC_LOW, kDescAddr},
            {Reg::QUEUE_DRIVER_LOW, kDriverAddr},
            {Reg::QUEUE_DEVICE_LOW, kDeviceAddr},
        };
        for (const auto &[low, address] : areas) {
            device_.write(low, static_cast<uint32_t>(address));
            device_.write(low + 4, static_cast<uint32_t>(address >> 32));
        }
        device_.write(Reg::QUEUE_READY, 1);
    }

    uint64_t read_capacity() {
        const uint32_t before = device_.read(Reg::CONFIG_GENERATION);
        const uint64_t low = device_.read(Reg::CONFIG);
        const uint64_t capacity = low | uint64_t{device_.read(Reg::CONFIG + 4)} << 32;
        expect(device_.read(Reg::CONFIG_GENERATION) == before, "a configuration that stays");
        return capacity;
    }

    // Room for buffers, one after the other and from the start again: few are in use at a time.
    std::vector<Buffer> allocate(const std::vector<uint32_t> &lengths) {
        std::vector<Buffer> buffers;
        for (const uint32_t length : lengths) {
            if (next_ + length > kMemoryBase + kMemoryBytes) next_ = kBufferAddr;
            buffers.push_back({next_, length});
            next_ = (next_ + length + kGap + kAlign - 1) & ~(kAlign - 1);
        }
        return buffers;
    }

    std::unique_ptr<Pending> submit(const Request &request) {
        auto pending = std::make_unique<Pending>(
            Pending{&request, allocate(request.readable), allocate(request.writable), {}, false});
        uint8_t header[kBlkHeaderBytes] = {};
        memcpy(header, &kBlkTypeIn, sizeof kBlkTypeIn);
        memcpy(header + 8, &request.sector, sizeof request.sector);
        const uint8_t *source = header;
        for (const Buffer &buffer : pending->readable) {
            memcpy(memory_.at(buffer.address, buffer.length), source, buffer.length);
            source += buffer.length;
        }
        for (const Buffer &buffer : pending->writable)
            memset(memory_.at(buffer.address, buffer.length), kPoison, buffer.length);

        const size_t count = pending->readable.size() + pending->writable.size();
        expect(count <= free_.size(), "free descriptors");
        pending->descriptors.assign(free_.begin(), free_.begin() + count);
        free_.erase(free_.begin(), free_.begin() + count);
        for (size_t i = 0; i < count; i++) {
            const bool writable = i >= pending->readable.size();
            const Buffer &buffer = writable ? pending->writable[i - pending->readable.size()] : pending->readable[i];
            const bool last = i == count - 1;
            const uint64_t entry = kDescAddr + pending->descriptors[i] * kDescBytes;
            memory_.put(entry, buffer.address);
            memory_.put(entry + 8, buffer.length);
            memory_.put<uint16_t>(entry + 12, (last ? 0 : DescFlag::NEXT) | (writable ? DescFlag::WRITE : 0));
            memory_.put<uint16_t>(entry + 14, last ? 0 : pending->descriptors[i + 1]);
        }
        const uint16_t head = pending->descriptors[0];
        by_head_[head] = pending.get();
        memory_.put(kDriverAddr + 4 + 2 * (avail_idx_ % size_), head);
        memory_.put(kDriverAddr + 2, ++avail_idx_);
        if (!(memory_.get<uint16_t>(kDeviceAddr) & kUsedFNoNotify)) device_.write(Reg::QUEUE_NOTIFY, 0);
        return pending;
    }

    void serve_interrupt(std::vector<uint8_t> &disk) {
        if (const uint32_t events = device_.read(Reg::INTERRUPT_STATUS)) device_.write(Reg::INTERRUPT_ACK, events);
        const uint16_t used_idx = memory_.get<uint16_t>(kDeviceAddr + 2);
        for (; used_idx_ != used_idx; used_idx_++) {
            const uint64_t element = kDeviceAddr + 4 + kUsedElementBytes * (used_idx_ % size_);
            const uint32_t head = memory_.get<uint32_t>(element);
            expect(head < size_ && by_head_[head], "the head of a chain that is outstanding");
            complete(*std::exchange(by_head_[head], nullptr), memory_.get<uint32_t>(element + 4), disk);
        }
    }

    void complete(Pending &pending, uint32_t written, std::vector<uint8_t> &disk) {
        uint64_t at = pending.request->sector * kSector;
        uint8_t status = kPoison;
        for (const Buffer &buffer : pending.writable) {
            const bool last = &buffer == &pending.writable.back();
            const uint32_t length = buffer.length - last;
            const uint8_t *source = memory_.at(buffer.address, buffer.length);
            expect(at + length <= disk.size(), "a request within the disk");
            memcpy(&disk[at], source, length);
            if (last) status = source[length];
            at += length;
            written -= buffer.length;
        }
        expect(status == kBlkStatusOk, "status OK");
        expect(written == 0, "a used length of all that is device-writable");
        free_.insert(free_.end(), pending.descriptors.begin(), pending.descriptors.end());
        pending.done = true;
    }

    static constexpr uint64_t kAlign = 64, kGap = 128;
    static constexpr uint64_t kDescAddr = kMemoryBase, kDriverAddr = kMemoryBase + 0x4000;
    static constexpr uint64_t kDeviceAddr = kMemoryBase + 0x8000, kBufferAddr = kMemoryBase + 0x1'0000;

    Device &device_;
    Memory &memory_;
    uint32_t status_ = 0;
    uint16_t size_ = 0, avail_idx_ = 0, used_idx_ = 0;
    uint64_t next_ = kBufferAddr;
    std::deque<uint16_t> free_;
    std::vector<Pending *> by_head_;
};

std::vector<Request> read_plan(const char *path) {
    std::vector<Request> plan;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        Request request;
        words >> request.sector;
        for (auto *lengths : {&request.readable, &request.writable}) {
            size_t count = 0;
            words >> count;
            lengths->resize(count);
            for (uint32_t &length : *lengths) words >> length;
        }
        if (!words) fail(std::string(path) + ": " + line);
        plan.push_back(request);
    }
    return plan;
}

std::vector<uint8_t> read_file(const char *path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char **argv) {
    if (argc < 4) fail("usage: raw PLAN IMAGE REPEAT [+disk=IMAGE] [+verilator+...]");
    const std::vector<Request> plan = read_plan(argv[1]);
    const std::vector<uint8_t> image = read_file(argv[2]);
    const int repeat = atoi(argv[3]);
    if (plan.empty() || image.empty() || repeat < 1) fail("nothing to read");
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Vtop top(&context);
    Memory memory;
    Device device(top, memory);

    const auto begin = std::chrono::steady_clock::now();
    device.reset(image.size() / kSector);
    Driver driver(device, memory);
    if (driver.start() * kSector != image.size()) fail("the capacity is not that of the image");
    for (int i = 0; i < repeat; i++) {
        std::vector<uint8_t> disk(image.size());
        std::transform(image.begin(), image.end(), disk.begin(), std::bit_not<uint8_t>());
        driver.read_all(plan, disk);
        if (disk != image) fail("what was read is not what the image holds");
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;

    top.final();
    printf("{\"cycles\": %llu, \"wall_s\": %.6f}\n", static_cast<unsigned long long>(device.cycles()), wall.count());
    return context.errorCount() ? 1 : 0;
}
