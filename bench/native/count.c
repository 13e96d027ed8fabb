// The same calls counted by native code: a dynamic module of Envoy, for the benchmark only.
//
// It finds the frames in both directions, reads interface and method of each request, and adds to counters
// that are made with the configuration: a call to one of 64 by the hash of its names, in place of a series
// of its own. What it does not do: labels, rules, serializations other than hessian2, the connection's end.
//
// What is declared of Envoy here is what is called: names and parameters as in Envoy 1.39's
// source/extensions/dynamic_modules/abi/abi.h. Other versions may want others, and are not measured.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

// ---- Envoy's

typedef struct {
  const char *bytes;
  size_t length;
} Slice;

typedef size_t Metric;

enum { CONTINUE = 0 };

int envoy_dynamic_module_callback_network_filter_config_define_counter(void *config, Slice name,
                                                                       Metric *id);
int envoy_dynamic_module_callback_network_filter_config_define_histogram(void *config, Slice name,
                                                                         Metric *id);
int envoy_dynamic_module_callback_network_filter_increment_counter(void *filter, Metric id,
                                                                   uint64_t by);
int envoy_dynamic_module_callback_network_filter_record_histogram_value(void *filter, Metric id,
                                                                        uint64_t value);
size_t envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(void *filter);
bool envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(void *filter, Slice *to);
size_t envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks_size(void *filter);
bool envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks(void *filter, Slice *to);

#define increment envoy_dynamic_module_callback_network_filter_increment_counter
#define record envoy_dynamic_module_callback_network_filter_record_histogram_value

// ---- The configuration: which counters there are

enum { NAMES = 64 };

typedef struct {
  Metric calls[NAMES], answers, errors, unmatched, request_bytes, response_bytes, connections;
  Metric duration;
} Metrics;

// ---- One connection

enum {
  HEAD = 16,      // bytes of a frame before its body
  WINDOW = 256,   // bytes of a request in which its names are looked for
  IN_FLIGHT = 256 // calls of a connection whose start is known, by the low bits of their id
};

// One direction: `left` bytes of a frame are passed over; else `kept` bytes of the next frame are here.
typedef struct {
  uint8_t bytes[WINDOW];
  size_t kept;
  uint64_t left;
} Reader;

typedef struct {
  uint64_t id;
  int64_t began; // ns; 0: no such call
} Call;

typedef struct {
  const Metrics *metrics;
  void *envoy;
  Reader requests, answers;
  int64_t now;
  uint64_t answered; // in this callback
  Call calls[IN_FLIGHT];
} Connection;

static uint32_t u32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

static uint64_t u64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return __builtin_bswap64(value);
}

static int64_t clock_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// Length of a short string of hessian2 at `at`, and where it begins; -1 where there is none before `end`.
static int text(const uint8_t **at, const uint8_t *end) {
  if (end - *at < 2) return -1;
  int length = **at;
  if (length >= 0x30 && length <= 0x33) {
    length = (length - 0x30) << 8 | (*at)[1];
    *at += 2;
  } else if (length <= 0x1f) {
    *at += 1;
  } else {
    return -1;
  }
  return end - *at < length ? -1 : length;
}

// Which counter a request belongs to, by path and method, which come after the version of Dubbo and with the
// service's version between them; -1 where they are not read.
static int name_of(const uint8_t *at, const uint8_t *end) {
  uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < 4; i++) {
    int length = text(&at, end);
    if (length < 0) return -1;
    for (int k = 0; (i & 1) == 1 && k < length; k++) hash = (hash ^ at[k]) * 0x100000001b3;
    at += length;
  }
  return (hash ^ hash >> 32) % NAMES;
}

static void on_request(Connection *of, const uint8_t *frame, size_t length) {
  if ((frame[2] & 0xe0) != 0xc0) return; // no call that is to be answered
  int name = name_of(frame + HEAD, frame + length);
  if (name < 0) {
    increment(of->envoy, of->metrics->errors, 1);
    return;
  }
  uint64_t id = u64(frame + 4);
  of->calls[id % IN_FLIGHT] = (Call){id, of->now};
  increment(of->envoy, of->metrics->calls[name], 1);
}

static void on_answer(Connection *of, const uint8_t *frame) {
  if ((frame[2] & 0xa0) != 0) return;
  uint64_t id = u64(frame + 4);
  Call *call = &of->calls[id % IN_FLIGHT];
  if (call->began == 0 || call->id != id || frame[3] != 20) {
    increment(of->envoy, of->metrics->unmatched, 1);
    return;
  }
  record(of->envoy, of->metrics->duration, (of->now - call->began) / 1000000);
  call->began = 0;
  of->answered++;
}

// Bytes of a frame that must lie in a row before it is counted: its head, and of a request its names.
static size_t wanted(const uint8_t *head, bool are_requests) {
  size_t length = HEAD + (size_t)u32(head + 12);
  return !are_requests ? HEAD : length < WINDOW ? length : WINDOW;
}

// The next frame's beginning, in a row: mostly it lies so at `*at`, else it is put together in `reader`. NULL
// where the bytes end before. Goes past what it took.
static const uint8_t *next(Reader *reader, bool are_requests, const uint8_t **at, size_t *length) {
  if (reader->kept == 0 && *length >= HEAD && *length >= wanted(*at, are_requests)) {
    const uint8_t *frame = *at;
    size_t taken = wanted(frame, are_requests);
    *at += taken;
    *length -= taken;
    return frame;
  }
  for (;;) {
    size_t need = reader->kept < HEAD ? HEAD : wanted(reader->bytes, are_requests);
    size_t taken = need - reader->kept < *length ? need - reader->kept : *length;
    memcpy(reader->bytes + reader->kept, *at, taken);
    reader->kept += taken;
    *at += taken;
    *length -= taken;
    if (reader->kept < need) return NULL;
    if (reader->kept == wanted(reader->bytes, are_requests)) break;
  }
  reader->kept = 0;
  return reader->bytes;
}

static void feed(Connection *of, bool are_requests, const uint8_t *at, size_t length) {
  Reader *reader = are_requests ? &of->requests : &of->answers;
  while (length > 0) {
    uint64_t passed = reader->left < length ? reader->left : length;
    reader->left -= passed;
    at += passed;
    length -= passed;
    const uint8_t *frame = length == 0 ? NULL : next(reader, are_requests, &at, &length);
    if (frame == NULL) return;
    if (frame[0] != 0xda || frame[1] != 0xbb) {
      increment(of->envoy, of->metrics->errors, 1);
      reader->left = UINT64_MAX; // looked at no more
      continue;
    }
    size_t seen = wanted(frame, are_requests);
    reader->left = HEAD + (uint64_t)u32(frame + 12) - seen;
    if (are_requests) on_request(of, frame, seen);
    else on_answer(of, frame);
  }
}

// ---- What Envoy calls

EXPORT const char *envoy_dynamic_module_on_program_init(void) { return "v0.1.0"; }

static Metric counter(void *config, const char *name) {
  Metric id = 0;
  Slice slice = {name, strlen(name)};
  envoy_dynamic_module_callback_network_filter_config_define_counter(config, slice, &id);
  return id;
}

EXPORT const void *envoy_dynamic_module_on_network_filter_config_new(void *config, Slice name,
                                                                     Slice settings) {
  (void)name, (void)settings;
  Metrics *metrics = calloc(1, sizeof *metrics);
  if (metrics == NULL) return NULL;
  for (int i = 0; i < NAMES; i++) {
    char text[32];
    snprintf(text, sizeof text, "native_calls_%d", i);
    metrics->calls[i] = counter(config, text);
  }
  metrics->answers = counter(config, "native_answers");
  metrics->errors = counter(config, "native_errors");
  metrics->unmatched = counter(config, "native_unmatched");
  metrics->request_bytes = counter(config, "native_request_bytes");
  metrics->response_bytes = counter(config, "native_response_bytes");
  metrics->connections = counter(config, "native_connections");
  Slice duration = {"native_duration_milliseconds", sizeof "native_duration_milliseconds" - 1};
  envoy_dynamic_module_callback_network_filter_config_define_histogram(config, duration,
                                                                       &metrics->duration);
  return metrics;
}

EXPORT void envoy_dynamic_module_on_network_filter_config_destroy(const void *metrics) {
  free((void *)metrics);
}

EXPORT const void *envoy_dynamic_module_on_network_filter_new(const void *metrics, void *envoy) {
  Connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) return NULL;
  connection->metrics = metrics;
  connection->envoy = envoy;
  return connection;
}

EXPORT int envoy_dynamic_module_on_network_filter_new_connection(void *envoy, const void *of) {
  increment(envoy, ((const Connection *)of)->metrics->connections, 1);
  return CONTINUE;
}

// More are not looked at. A load in which that happens is void, since its counts do not agree.
enum { SLICES = 512 };

EXPORT int envoy_dynamic_module_on_network_filter_read(void *envoy, const void *of, size_t length,
                                                       bool ends) {
  (void)ends;
  Connection *connection = (Connection *)of;
  Slice slices[SLICES];
  size_t count = envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(envoy);
  if (count == 0 || count > SLICES) return CONTINUE;
  envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(envoy, slices);
  connection->now = clock_ns();
  increment(envoy, connection->metrics->request_bytes, length);
  for (size_t i = 0; i < count; i++) {
    feed(connection, true, (const uint8_t *)slices[i].bytes, slices[i].length);
  }
  return CONTINUE;
}

EXPORT int envoy_dynamic_module_on_network_filter_write(void *envoy, const void *of, size_t length,
                                                        bool ends) {
  (void)ends;
  Connection *connection = (Connection *)of;
  Slice slices[SLICES];
  size_t count = envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks_size(envoy);
  if (count == 0 || count > SLICES) return CONTINUE;
  envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks(envoy, slices);
  connection->now = clock_ns();
  connection->answered = 0;
  for (size_t i = 0; i < count; i++) {
    feed(connection, false, (const uint8_t *)slices[i].bytes, slices[i].length);
  }
  increment(envoy, connection->metrics->response_bytes, length);
  increment(envoy, connection->metrics->answers, connection->answered);
  return CONTINUE;
}

EXPORT void envoy_dynamic_module_on_network_filter_event(void *envoy, const void *of, int event) {
  (void)envoy, (void)of, (void)event;
}

EXPORT void envoy_dynamic_module_on_network_filter_destroy(const void *of) { free((void *)of); }
