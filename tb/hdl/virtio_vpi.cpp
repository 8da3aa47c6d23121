// SPDX-License-Identifier: Apache-2.0
// The functions of virtio_c_pkg.sv as VPI system tasks, for simulators without DPI (Icarus). System functions would lose the
// upper half of 64-bit values, so results come back through arguments.

#include <vpi_user.h>

#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>
#include <vector>

extern "C" {
void virtio_memory_open(int *);
void virtio_memory_push(int, int, int, long long, int, int, int, int, long long);
void virtio_memory_pop(int, int, long long, int, int *, int *, long long *, int *, int *, int *, int *);
void virtio_memory_clear(int);
void virtio_memory_read(int, long long, long long, int, int, uint32_t *, int *);
void virtio_memory_write(int, long long, long long, int, const uint32_t *, long long, int *);
void virtio_tap_open(int, int *);
void virtio_tap_note(int, int, long long, long long);
void virtio_tap_address(int, int, long long, int, long long, int, int, int);
void virtio_tap_write_data(int, long long, int, const uint32_t *, long long);
void virtio_tap_write_answer(int, long long, int, int);
void virtio_tap_read_data(int, long long, int, int, int, const uint32_t *);
void virtio_tap_frame(int, int, long long, int, int, const uint32_t *, long long);
void virtio_tap_unknown(int, long long, const uint32_t *);
void virtio_tap_violation(int, long long, int, const uint32_t *, const uint32_t *, int, long long, int, long long, long long);
}

namespace {

constexpr int kMostWords = 16;  // of 32 bits in a vector

// Moves one argument of a system task in or out. X and Z read as 0: the tap has reported them by then.
class Argument {
  public:
    explicit Argument(vpiHandle handle) : handle_(handle) {}

    void load(uint32_t *words) const {
        s_vpi_value value{};
        value.format = vpiVectorVal;
        vpi_get_value(handle_, &value);
        const int count = (vpi_get(vpiSize, handle_) + 31) / 32;
        for (int i = 0; i < count && i < kMostWords; i++)
            words[i] = static_cast<uint32_t>(value.value.vector[i].aval & ~value.value.vector[i].bval);
    }

    void store(const uint32_t *words) const {
        s_vpi_vecval bits[kMostWords] = {};
        for (int i = 0; i < (vpi_get(vpiSize, handle_) + 31) / 32 && i < kMostWords; i++)
            bits[i].aval = static_cast<PLI_INT32>(words[i]);
        s_vpi_value value{};
        value.format = vpiVectorVal;
        value.value.vector = bits;
        vpi_put_value(handle_, &value, nullptr, vpiNoDelay);
    }

  private:
    vpiHandle handle_;
};

std::vector<Argument> arguments() {
    std::vector<Argument> found;
    vpiHandle iterator = vpi_iterate(vpiArgument, vpi_handle(vpiSysTfCall, nullptr));
    while (iterator) {
        vpiHandle handle = vpi_scan(iterator);
        if (!handle) break;
        found.emplace_back(handle);
    }
    return found;
}

// How a parameter of a C function is fetched before the call and, for a result, put back after it.
template <typename T>
struct Slot {
    T value{};
    void load(const Argument &argument) {
        uint32_t words[kMostWords] = {};
        argument.load(words);
        memcpy(&value, words, sizeof value);
    }
    T pass() { return value; }
    void store(const Argument &) const {}
};

template <typename T>
struct Slot<T *> {
    T value{};
    void load(const Argument &) {}
    T *pass() { return &value; }
    void store(const Argument &argument) const {
        uint32_t words[kMostWords] = {};
        memcpy(words, &value, sizeof value);
        argument.store(words);
    }
};

template <>
struct Slot<const uint32_t *> {
    uint32_t words[kMostWords] = {};
    void load(const Argument &argument) { argument.load(words); }
    const uint32_t *pass() { return words; }
    void store(const Argument &) const {}
};

template <>
struct Slot<uint32_t *> {
    uint32_t words[kMostWords] = {};
    void load(const Argument &) {}
    uint32_t *pass() { return words; }
    void store(const Argument &argument) const { argument.store(words); }
};

template <typename... T, size_t... I>
void call(void (*function)(T...), std::index_sequence<I...>) {
    const std::vector<Argument> given = arguments();
    std::tuple<Slot<T>...> slots;
    (std::get<I>(slots).load(given[I]), ...);
    function(std::get<I>(slots).pass()...);
    (std::get<I>(slots).store(given[I]), ...);
}

template <typename... T>
void call(void (*function)(T...)) {
    call(function, std::index_sequence_for<T...>{});
}

template <auto Function>
PLI_INT32 task(PLI_BYTE8 *) {
    call(Function);
    return 0;
}

template <auto Function>
void add(const char *name) {
    s_vpi_systf_data data{};
    data.type = vpiSysTask;
    data.tfname = const_cast<PLI_BYTE8 *>(name);
    data.calltf = task<Function>;
    vpi_register_systf(&data);
}

void add_all() {
    add<virtio_memory_open>("$virtio_memory_open");
    add<virtio_memory_push>("$virtio_memory_push");
    add<virtio_memory_pop>("$virtio_memory_pop");
    add<virtio_memory_clear>("$virtio_memory_clear");
    add<virtio_memory_read>("$virtio_memory_read");
    add<virtio_memory_write>("$virtio_memory_write");
    add<virtio_tap_open>("$virtio_tap_open");
    add<virtio_tap_note>("$virtio_tap_note");
    add<virtio_tap_address>("$virtio_tap_address");
    add<virtio_tap_write_data>("$virtio_tap_write_data");
    add<virtio_tap_write_answer>("$virtio_tap_write_answer");
    add<virtio_tap_read_data>("$virtio_tap_read_data");
    add<virtio_tap_frame>("$virtio_tap_frame");
    add<virtio_tap_unknown>("$virtio_tap_unknown");
    add<virtio_tap_violation>("$virtio_tap_violation");
}

}  // namespace

extern "C" void (*vlog_startup_routines[])() = {add_all, nullptr};
