// SPDX-License-Identifier: Apache-2.0
//
// Main program of a simulation with Verilator: cocotb's regions and callbacks, a clock of its own, and traces by window.
//
// It takes the place of the main that cocotb brings, and behaves as that one does: a test sees the same values at the
// same times on both (tests/sim/mains.py). A time step is
//
//   next time step callbacks, timed callbacks,
//   evaluations, each followed by the writes it finds waiting and by value change callbacks, until nothing changes,
//   read-write callbacks, and evaluations again if they wrote something,
//   read-only callbacks, trace.
//
// Functions for Python (through ctypes.CDLL(None), hence -rdynamic) return 0 or an errno:
//
//   virtio_clock_start(signal, period)  a clock on a one-bit signal, in the place of cocotb.clock.Clock; period in steps
//   virtio_clock_stop()
//   virtio_trace_open(path)             from the end of this time step
//   virtio_trace_close()                to the end of this time step
//
// Arguments, besides those of cocotb's main:
//
//   +virtio_trace=FILE@START-END        trace from START to END, both included, in ns; without END to the end of the
//                                       simulation. May be given several times, for windows that do not overlap.

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_syms.h"
#include "verilated_vpi.h"

#if VM_COVERAGE
#include "verilated_cov.h"
#endif

#ifndef VM_TRACE
#define VM_TRACE 0
#endif
#if VM_TRACE && VM_TRACE_FST
#include "verilated_fst_c.h"
using TraceFile = VerilatedFstC;
constexpr const char* kTraceName = "dump.fst";
#elif VM_TRACE
#include "verilated_vcd_c.h"
using TraceFile = VerilatedVcdC;
constexpr const char* kTraceName = "dump.vcd";
#endif

#define EXPORTED extern "C" __attribute__((visibility("default"), used))

// Starts cocotb; in its VPI library.
extern "C" void vlog_startup_routines_bootstrap(void);

namespace {

constexpr uint64_t kNever = ~UINT64_C(0);

uint64_t now() { return Verilated::threadContextp()->time(); }

int complain(const std::string& message) {
  std::fprintf(stderr, "Error: %s\n", message.c_str());
  return 1;
}

// The clock. What cocotb does by a timed callback for each edge is done here without one, in the same order: callbacks
// for one time run in the order in which they were registered, so the clock precedes those that are registered for its
// next edge after this one. If there may be earlier ones, it has to queue like them: it is `queued_` for that edge.
class Clock {
 public:
  int start(const char* signal, uint64_t period) {
    if (handle_) return EBUSY;
    if (!signal || period < 2) return EINVAL;
    data_ = find(signal);
    handle_ = data_ ? vpi_handle_by_name(const_cast<char*>(signal), nullptr) : nullptr;
    if (!handle_) return ENOENT;
    high_ = period / 2;
    low_ = period - high_;
    level_ = 1;
    put();
    plan();
    return 0;
  }

  int stop() {
    if (!handle_) return EINVAL;
    // A timed callback that is removed leaves its time step behind, and so must its stand-in.
    if (!queued_ && due_ > now()) queue();
    if (queued_) vpi_remove_cb(queued_);
    queued_ = nullptr;
    due_ = kNever;
    vpi_release_handle(std::exchange(handle_, nullptr));
    return 0;
  }

  // When the next edge is to be made by `toggle` or `toggle_alone`, `kNever` if not so.
  uint64_t due() const { return due_; }

  // The edge, in the order of the timed callbacks: takes effect with the writes that they make.
  void toggle() {
    level_ ^= 1;
    put();
    plan();
  }

  // The edge, in a time step that has nothing else before it: takes effect at once.
  void toggle_alone() {
    level_ ^= 1;
    *data_ = level_;
    plan();
  }

 private:
  // Where the value of a signal is stored. As with VPI, a name below the top module may be that of a port.
  static CData* find(const std::string& signal) {
    const size_t dot = signal.rfind('.');
    if (dot == std::string::npos) return nullptr;
    const std::string scope = signal.substr(0, dot);
    const char* const name = signal.c_str() + dot + 1;
    const VerilatedVar* var = nullptr;
    if (scope.find('.') == std::string::npos) var = look_up("TOP", name);
    if (!var) var = look_up(scope.c_str(), name);
    const bool usable = var && var->vltype() == VLVT_UINT8 && var->entBits() == 1 && !var->udims() && var->isPublicRW();
    return usable ? static_cast<CData*>(var->datap()) : nullptr;
  }

  static const VerilatedVar* look_up(const char* scope, const char* name) {
    const VerilatedScope* const found = Verilated::threadContextp()->scopeFind(scope);
    return found ? found->varFind(name) : nullptr;
  }

  void put() {
    s_vpi_value value;
    value.format = vpiIntVal;
    value.value.integer = level_;
    vpi_put_value(handle_, &value, nullptr, vpiInertialDelay);
  }

  void plan() {
    due_ = now() + (level_ ? high_ : low_);
    if (VerilatedVpi::cbNextDeadline() <= due_) {
      queue();
      due_ = kNever;
    }
  }

  void queue() {
    const uint64_t delay = due_ - now();
    s_vpi_time time{};
    time.type = vpiSimTime;
    time.high = static_cast<PLI_UINT32>(delay >> 32);
    time.low = static_cast<PLI_UINT32>(delay);
    s_cb_data callback{};
    callback.reason = cbAfterDelay;
    callback.cb_rtn = called;
    callback.time = &time;
    callback.user_data = reinterpret_cast<PLI_BYTE8*>(this);
    queued_ = vpi_register_cb(&callback);
  }

  static PLI_INT32 called(s_cb_data* data) {
    Clock* const self = reinterpret_cast<Clock*>(data->user_data);
    vpi_release_handle(std::exchange(self->queued_, nullptr));
    self->toggle();
    return 0;
  }

  vpiHandle handle_ = nullptr;  // null: stopped
  vpiHandle queued_ = nullptr;
  CData* data_ = nullptr;
  uint64_t due_ = kNever;
  uint64_t high_ = 0;
  uint64_t low_ = 0;
  CData level_ = 0;
};

#if VM_TRACE

// The traces of a simulation, one open at a time.
class Traces {
 public:
  struct Window {
    std::string path;
    uint64_t start;
    uint64_t end;
  };

  void attach(Vtop* top) { top_ = top; }

  // Whether flush after each time step.
  void flush_always() { flush_ = true; }

  int open(const std::string& path) {
    if (file_ || !windows_.empty()) return EBUSY;
    return create(path, kNever);
  }

  int close() {
    if (!file_) return EINVAL;
    closing_.push_back(std::move(file_));
    return 0;
  }

  // Takes the argument of +virtio_trace=. Returns what is wrong with it, or nothing.
  std::string add_window(const std::string& text) {
    const size_t at = text.rfind('@');
    if (at == std::string::npos || at == 0) return "expected FILE@START-END, times in ns";
    const size_t dash = text.find('-', at);
    const bool whole = dash == std::string::npos || dash + 1 == text.size();
    Window window{text.substr(0, at), 0, kNever};
    if (!read_time(text.substr(at + 1, dash - at - 1), &window.start)) return "START is not a time in ns";
    if (!whole && !read_time(text.substr(dash + 1), &window.end)) return "END is not a time in ns";
    if (window.end < window.start) return "END is before START";
    for (const Window& other : windows_) {
      if (other.path == window.path) return "the file is named twice";
      if (window.start < other.end && other.start < window.end) return "overlaps the window of " + other.path;
    }
    if (const int error = try_write(window.path)) return std::strerror(error);
    windows_.push_back(window);
    std::sort(windows_.begin(), windows_.end(), [](const Window& a, const Window& b) {
      return std::make_pair(a.start, a.end) < std::make_pair(b.start, b.end);
    });
    return "";
  }

  bool has_windows() const { return !windows_.empty(); }

  // Writes the values at the end of the time step at `time`; they last until `next`. Windows may begin and end between.
  // False if a file could not be written.
  bool record(uint64_t time, uint64_t next) {
    for (const auto& file : closing_) {
      file->dump(time);
      file->close();
    }
    closing_.clear();
    if (file_) dump(time);
    while (true) {
      if (file_ && end_ < next) {
        if (end_ > time) dump(end_);
        file_->close();
        file_.reset();
      } else if (!file_ && !windows_.empty() && windows_.front().start < next) {
        const Window window = windows_.front();
        windows_.erase(windows_.begin());
        if (const int error = create(window.path, window.end)) {
          complain(window.path + ": " + std::strerror(error));
          return false;
        }
        dump(std::max(time, window.start));
      } else {
        return true;
      }
    }
  }

  bool idle() const { return !file_ && closing_.empty() && windows_.empty(); }

  // Closes what is open. Also called on the way out of a fatal error, where deleting a writer blocks for ever.
  void finish() {
    for (auto& file : closing_) file.release()->close();
    closing_.clear();
    if (file_) file_.release()->close();
  }

 private:
  static bool read_time(const std::string& text, uint64_t* steps) {
    if (text.empty() || text.find_first_not_of("0123456789.") != std::string::npos) return false;
    char* rest = nullptr;
    const double ns = std::strtod(text.c_str(), &rest);
    const double scaled = ns * std::pow(10.0, -9 - Verilated::threadContextp()->timeprecision());
    if (*rest || scaled >= 9e18) return false;
    *steps = static_cast<uint64_t>(std::llround(scaled));
    return true;
  }

  // Verilator's trace writers do not all say that they cannot write.
  static int try_write(const std::string& path) {
    const bool existed = std::filesystem::exists(path);
    std::FILE* const file = std::fopen(path.c_str(), "a");
    if (!file) return errno;
    std::fclose(file);
    if (!existed) std::remove(path.c_str());
    return 0;
  }

  int create(const std::string& path, uint64_t end) {
    if (const int error = try_write(path)) return error;
    // A new one each time: a writer refuses a time stamp that it has had.
    file_ = std::make_unique<TraceFile>();
    top_->trace(file_.get(), 99);
    file_->open(path.c_str());
    end_ = end;
    return file_->isOpen() ? 0 : EIO;
  }

  void dump(uint64_t time) {
    file_->dump(time);
    if (flush_) file_->flush();
  }

  Vtop* top_ = nullptr;
  std::unique_ptr<TraceFile> file_;
  std::vector<std::unique_ptr<TraceFile>> closing_;
  std::vector<Window> windows_;  // yet to come, in order
  uint64_t end_ = kNever;
  bool flush_ = false;
};

Traces traces;

#endif

Clock native_clock;

struct Options {
  bool trace = false;
  bool trace_flush = false;
  std::string trace_file;
  bool coverage_per_instance = false;
  bool help = false;
  std::vector<std::string> windows;
};

Options options;

// Reads the command line. Returns what is wrong with it, or nothing.
std::string read_options(int argc, char** argv) {
  const std::string window = "+virtio_trace";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--trace") {
      options.trace = true;
    } else if (argument == "--trace-flush") {
      options.trace_flush = true;
    } else if (argument == "--trace-file") {
      if (++i == argc) return "--trace-file: expected a file name";
      options.trace_file = argv[i];
    } else if (argument == "--coverage-per-instance") {
      options.coverage_per_instance = true;
    } else if (argument == "--help") {
      options.help = true;
    } else if (argument.compare(0, window.size() + 1, window + "=") == 0) {
      options.windows.push_back(argument.substr(window.size() + 1));
    } else if (argument == window) {
      return window + ": expected " + window + "=FILE@START-END";
    }
  }
  if (options.coverage_per_instance && !VM_COVERAGE) return "--coverage-per-instance: not built with coverage";
  if (options.trace && !VM_TRACE) return "--trace: not built with tracing";
  if (!options.windows.empty() && !VM_TRACE) return window + ": not built with tracing";
  return "";
}

// Sets up what the options ask for. Returns what is wrong with them, or nothing.
std::string prepare_traces(Vtop* top) {
#if VM_TRACE
  Verilated::traceEverOn(true);
  traces.attach(top);
  if (options.trace_flush) traces.flush_always();
  for (const std::string& window : options.windows) {
    const std::string fault = traces.add_window(window);
    if (!fault.empty()) return "+virtio_trace=" + window + ": " + fault;
  }
  if (options.trace && !traces.has_windows()) {
    const std::string path = options.trace_file.empty() ? kTraceName : options.trace_file;
    if (const int error = traces.open(path)) return path + ": " + std::strerror(error);
  }
#else
  (void)top;
#endif
  return "";
}

void end_of_simulation(void*) {
  VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
  traces.finish();
#endif
#if VM_COVERAGE
  if (options.coverage_per_instance) Verilated::threadContextp()->coveragep()->forcePerInstance(true);
  Verilated::threadContextp()->coveragep()->write();
#endif
}

// Value change callbacks, until they cause no more of them. Whether there was one.
bool settle() {
  bool called = false;
  while (VerilatedVpi::hasCbs(cbValueChange) && VerilatedVpi::callValueCbs()) called = true;
  return called;
}

// An evaluation, and the writes that wait for it.
void evaluate(Vtop& top) {
  top.eval_step();
  VerilatedVpi::clearEvalNeeded();
  VerilatedVpi::doInertialPuts();
}

// From the first evaluation of a time step to its read-only callbacks, that is, until nothing changes any more. With
// `evaluated`, from after the value change callbacks that follow the first evaluation.
void run_time_step(Vtop& top, bool evaluated) {
  do {
    while (!evaluated || VerilatedVpi::evalNeeded()) {
      evaluate(top);
      settle();
      evaluated = true;
    }
    const bool woken = VerilatedVpi::hasCbs(cbReadWriteSynch) && VerilatedVpi::callCbs(cbReadWriteSynch);
    VerilatedVpi::doInertialPuts();
    if (woken || VerilatedVpi::evalNeeded()) settle();
  } while (VerilatedVpi::evalNeeded());
  top.eval_end_step();
  if (VerilatedVpi::hasCbs(cbReadOnlySynch)) VerilatedVpi::callCbs(cbReadOnlySynch);
}

// Callbacks and clock edge at the beginning of a time step. Whether it is but an edge, and no callback was called.
bool begin_time_step(Vtop& top) {
  const uint64_t time = now();
  const bool woken = VerilatedVpi::callCbs(cbNextSimTime);
  if (woken) settle();
  const bool edge = native_clock.due() == time;
  const bool timed = VerilatedVpi::hasCbs(cbAfterDelay);  // those of this time step, by the call above
  const bool delayed = top.eventsPending() && top.nextTimeSlot() <= time;
  const bool alone = edge && !woken && !timed && !delayed;
  if (alone) {
    // Nothing has happened since the last evaluation, which therefore need not be repeated before the edge.
    native_clock.toggle_alone();
  } else {
    if (edge) native_clock.toggle();
    VerilatedVpi::callTimedCbs();
  }
  return !settle() && alone;
}

// From the beginning of a time step that is but a clock edge through more of that kind. As long as no callback is called,
// nobody can ask for one, and so what a time step looks for has to be looked for only once. Ends in a time step for
// `run_time_step` to go on with; whether that is evaluated.
bool run_edges(Vtop& top) {
  VerilatedContext* const context = Verilated::threadContextp();
  const bool awaited = VerilatedVpi::hasCbs(cbReadWriteSynch) || VerilatedVpi::hasCbs(cbReadOnlySynch);
  const uint64_t end = awaited ? 0 : VerilatedVpi::cbNextDeadline();
  evaluate(top);
  if (VerilatedVpi::evalNeeded()) {
    settle();
    return true;
  }
  while (!settle() && native_clock.due() < end && !top.eventsPending() && !context->gotFinish()) {
    top.eval_end_step();
    context->time(native_clock.due());
    native_clock.toggle_alone();
    if (settle()) return false;
    top.eval_step();
  }
  return true;
}

// Runs the simulation. False if a trace could not be written.
bool run(Vtop& top) {
  VerilatedContext* const context = Verilated::threadContextp();
  bool evaluated = false;
  bool finished = context->gotFinish();
  while (!finished) {
    run_time_step(top, evaluated);
    const uint64_t delayed = top.eventsPending() ? top.nextTimeSlot() : kNever;
    const uint64_t next = std::min({VerilatedVpi::cbNextDeadline(), native_clock.due(), delayed});
    bool traced = false;
#if VM_TRACE
    const bool last = next == kNever || context->gotFinish();
    traced = !traces.idle();
    if (traced && !traces.record(context->time(), last ? context->time() + 1 : next)) return false;
#endif
    if (next == kNever) break;
    context->time(next);
    const bool edge = begin_time_step(top);
    finished = context->gotFinish();
    evaluated = edge && !traced && !finished && run_edges(top);
  }
  return true;
}

}  // namespace

EXPORTED int virtio_clock_start(const char* signal, uint64_t period) { return native_clock.start(signal, period); }

EXPORTED int virtio_clock_stop() { return native_clock.stop(); }

EXPORTED int virtio_trace_open(const char* path) {
#if VM_TRACE
  return path ? traces.open(path) : EINVAL;
#else
  (void)path;
  return ENOTSUP;
#endif
}

EXPORTED int virtio_trace_close() {
#if VM_TRACE
  return traces.close();
#else
  return ENOTSUP;
#endif
}

int main(int argc, char** argv) {
  const std::string fault = read_options(argc, argv);
  if (!fault.empty()) return complain(fault);
  if (options.help) {
    std::printf(
        "usage: %s [--trace] [--trace-file FILE] [--trace-flush] [--coverage-per-instance] "
        "[+virtio_trace=FILE@START-END]...\n",
        argv[0]);
    return 0;
  }
  Verilated::commandArgs(argc, argv);
  const auto top = std::make_unique<Vtop>("");
  Verilated::fatalOnVpiError(false);  // cocotb asks for what Verilator does not have, and copes
  const std::string trace_fault = prepare_traces(top.get());
  if (!trace_fault.empty()) return complain(trace_fault);

  vlog_startup_routines_bootstrap();
  Verilated::addExitCb(end_of_simulation, nullptr);
  VerilatedVpi::callCbs(cbStartOfSimulation);
  settle();
  const bool traced = run(*top);
  top->final();
  end_of_simulation(nullptr);
  return !traced || Verilated::threadContextp()->errorCount() > 0;
}
