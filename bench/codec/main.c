/* SPDX-License-Identifier: MIT
 * bench/codec: one event to bytes and back, by hand-written code, generated code, a plan and
 * avro-c's generic values, side by side in one run. Prints medians and ratios; checks every result.
 *   codec [ROUNDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <avro.h>

#include "data.h"

enum { EVENTS = 1024, ROUNDS_MAX = 1001, METHODS_MAX = 5 };

/* Every allocation of the process comes through here, so that those of a decode can be counted. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
static size_t mallocs;

void *malloc(size_t size)
{
    mallocs++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    mallocs++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    mallocs++;
    return __libc_realloc(memory, size);
}

typedef struct shape {
    const char *name;
    const stele_type *type;
    make_value *make;
    hand_decode *decode;
    hand_encode *encode;
} shape;

static const shape shapes[] = {
    {"event", &bench_order_placed_type, make_event, hand_decode_event, hand_encode_event},
    {"numbers", &bench_numbers_type, make_numbers, hand_decode_numbers, hand_encode_numbers},
    {"strings", &bench_strings_type, make_strings, hand_decode_strings, hand_encode_strings},
    {"nested", &bench_drawing_type, make_nested, hand_decode_nested, hand_encode_nested},
    {"union", &bench_change_type, make_union, hand_decode_union, hand_encode_union},
};

/* What one run works on. */
typedef struct work {
    const shape *shape;
    stele_type slow; /* the type without its generated code */
    stele_plan *plan;
    stele_plan *evolved; /* event only: reads what an older version wrote */
    avro_value_t *values;
    avro_value_t value;
    avro_value_iface_t *class;
    stele_arena *values_arena;
    stele_arena *arena; /* reset before each decode */
    uint8_t *structs;   /* the values, one after the other */
    void *decoded;
    stele_bytes bytes[EVENTS];
    stele_bytes old_bytes[EVENTS];
    stele_buffer out;
    char scratch[65536];
} work;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "codec: %s: %s\n", what, why);
    exit(1);
}

static void *struct_at(const work *w, size_t i)
{
    return w->structs + i * w->shape->type->layout->size;
}

/* The methods: one event each. */

typedef bool method_run(work *w, size_t i);

static bool decode_hand(work *w, size_t i)
{
    stele_arena_reset(w->arena);
    return w->shape->decode(w->bytes[i], w->decoded, w->arena);
}

static bool decode_generated(work *w, size_t i)
{
    stele_arena_reset(w->arena);
    return w->shape->type->decode(w->bytes[i], w->decoded, w->arena, NULL) == STELE_OK;
}

static bool decode_plan(work *w, size_t i)
{
    stele_arena_reset(w->arena);
    return stele_plan_decode(w->plan, w->bytes[i], w->decoded, w->arena, NULL) == STELE_OK;
}

static bool decode_evolved(work *w, size_t i)
{
    stele_arena_reset(w->arena);
    return stele_plan_decode(w->evolved, w->old_bytes[i], w->decoded, w->arena, NULL) == STELE_OK;
}

static bool decode_generic(work *w, size_t i)
{
    avro_reader_t reader =
        avro_reader_memory((const char *)w->bytes[i].data, (int64_t)w->bytes[i].size);
    bool good = avro_value_read(reader, &w->value) == 0;
    avro_reader_free(reader);
    return good;
}

static bool encode_hand(work *w, size_t i)
{
    stele_buffer_reset(&w->out);
    return w->shape->encode(struct_at(w, i), &w->out);
}

static bool encode_generated(work *w, size_t i)
{
    stele_buffer_reset(&w->out);
    return w->shape->type->encode(struct_at(w, i), &w->out, NULL) == STELE_OK;
}

static bool encode_plan(work *w, size_t i)
{
    stele_buffer_reset(&w->out);
    return stele_encode(&w->slow, struct_at(w, i), &w->out, NULL) == STELE_OK;
}

static bool encode_generic(work *w, size_t i)
{
    avro_writer_t writer = avro_writer_memory(w->scratch, sizeof w->scratch);
    bool good = avro_value_write(writer, &w->values[i]) == 0;
    w->out.size = 0;
    if (good) {
        stele_buffer_append(&w->out, stele_bytes_of(w->scratch, (size_t)avro_writer_tell(writer)));
    }
    avro_writer_free(writer);
    return good;
}

typedef struct method {
    const char *name;
    method_run *run;
} method;

static const method decoders[METHODS_MAX] = {{"hand", decode_hand},
                                             {"generated", decode_generated},
                                             {"plan", decode_plan},
                                             {"avro-c", decode_generic},
                                             {"evolved", decode_evolved}};
static const method encoders[METHODS_MAX] = {{"hand", encode_hand},
                                             {"generated", encode_generated},
                                             {"plan", encode_plan},
                                             {"avro-c", encode_generic}};

/* Preparing. */

static stele_bytes encoded(work *w, const stele_type *type, const void *value)
{
    stele_error err;
    stele_buffer_reset(&w->out);
    if (stele_encode(type, value, &w->out, &err) < 0) die(type->name, err.text);
    uint8_t *copy = stele_arena_take(w->values_arena, w->out.size);
    memcpy(copy, w->out.data, w->out.size);
    return stele_bytes_of(copy, w->out.size);
}

static stele_plan *plan_of(const stele_type *writer, const stele_type *reader)
{
    stele_error err;
    stele_schema *schema;
    stele_plan *plan;
    if (stele_schema_parse(stele_text(writer->schema), NULL, &schema, &err) < 0 ||
        stele_plan_new(schema, reader, NULL, &plan, &err) < 0) {
        die(writer->name, err.text);
    }
    stele_schema_free(schema);
    return plan;
}

static void prepare_generic(work *w)
{
    avro_schema_t schema;
    const char *text = w->shape->type->schema;
    if (avro_schema_from_json_length(text, strlen(text), &schema) != 0) {
        die(w->shape->name, avro_strerror());
    }
    w->class = avro_generic_class_from_schema(schema);
    avro_schema_decref(schema);
    avro_generic_value_new(w->class, &w->value);
    w->values = calloc(EVENTS, sizeof *w->values);
    for (size_t i = 0; i < EVENTS; i++) {
        avro_generic_value_new(w->class, &w->values[i]);
        avro_reader_t reader =
            avro_reader_memory((const char *)w->bytes[i].data, (int64_t)w->bytes[i].size);
        if (avro_value_read(reader, &w->values[i]) != 0) die(w->shape->name, avro_strerror());
        avro_reader_free(reader);
    }
}

static void prepare(work *w, const shape *of)
{
    memset(w, 0, sizeof *w);
    w->shape = of;
    w->slow = *of->type;
    w->slow.encode = NULL;
    w->slow.decode = NULL;
    w->arena = stele_arena_new();
    w->values_arena = stele_arena_new();
    w->structs = calloc(EVENTS, of->type->layout->size);
    w->decoded = calloc(1, of->type->layout->size);
    random_source random = {UINT64_C(20240501)};
    bool event = of->type == &bench_order_placed_type;
    for (size_t i = 0; i < EVENTS; i++) {
        of->make(&random, struct_at(w, i), w->values_arena);
        w->bytes[i] = encoded(w, &w->slow, struct_at(w, i));
        if (event) {
            bench_old_order_placed old;
            make_old_event(struct_at(w, i), &old, w->values_arena);
            w->old_bytes[i] = encoded(w, &bench_old_order_placed_type, &old);
        }
    }
    w->plan = plan_of(of->type, &w->slow);
    if (event) w->evolved = plan_of(&bench_old_order_placed_type, &w->slow);
    prepare_generic(w);
}

static void clean_up(work *w)
{
    for (size_t i = 0; i < EVENTS; i++)
        avro_value_decref(&w->values[i]);
    avro_value_decref(&w->value);
    avro_value_iface_decref(w->class);
    free(w->values);
    free(w->structs);
    free(w->decoded);
    stele_buffer_clear(&w->out);
    stele_plan_free(w->plan);
    stele_plan_free(w->evolved);
    stele_arena_free(w->arena);
    stele_arena_free(w->values_arena);
}

/* Checking: every decoder gives the value, every encoder the bytes. */

static void check_decoder(work *w, const method *m)
{
    for (size_t i = 0; i < EVENTS; i++) {
        if (!m->run(w, i)) die(m->name, "did not decode");
        if (m->run == decode_generic) {
            if (!avro_value_equal_fast(&w->value, &w->values[i])) die(m->name, "another value");
            continue;
        }
        bench_order_placed event;
        const void *wanted = struct_at(w, i);
        if (m->run == decode_evolved) { /* the old version had no coupon */
            event = *(const bench_order_placed *)wanted;
            event.has_coupon = false;
            event.coupon = stele_bytes_of(NULL, 0);
            wanted = &event;
        }
        if (!stele_value_equal(&w->slow, w->decoded, wanted)) die(m->name, "another value");
    }
}

static void check_encoder(work *w, const method *m)
{
    for (size_t i = 0; i < EVENTS; i++) {
        if (!m->run(w, i)) die(m->name, "did not encode");
        if (!stele_bytes_equal(stele_buffer_view(&w->out), w->bytes[i]))
            die(m->name, "other bytes");
    }
}

/* Measuring. */

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The methods take turns, so that what slows the machine down for a while slows all of them; each
 * goes once without the clock, so that none pays for what the one before it left in the caches. */
static void measure(work *w, const method *methods, size_t count, size_t rounds, double *medians,
                    double *mallocs_each)
{
    static double times[METHODS_MAX][ROUNDS_MAX];
    for (size_t round = 0; round < rounds; round++) {
        for (size_t m = 0; m < count; m++) {
            for (size_t i = 0; i < EVENTS; i++) {
                if (!methods[m].run(w, i)) die(methods[m].name, "failed");
            }
            size_t mallocs_before = mallocs;
            double start = now_ns();
            for (size_t i = 0; i < EVENTS; i++)
                methods[m].run(w, i);
            times[m][round] = (now_ns() - start) / EVENTS;
            mallocs_each[m] = (double)(mallocs - mallocs_before) / EVENTS;
        }
    }
    for (size_t m = 0; m < count; m++) {
        qsort(times[m], rounds, sizeof(double), compare_doubles);
        medians[m] = times[m][rounds / 2];
    }
}

static void print(const work *w, const char *direction, const method *methods, size_t count,
                  const double *medians, const double *mallocs_each)
{
    for (size_t m = 0; m < count; m++) {
        printf("%-8s %-7s %-10s %8.1f %8.2f %8.1f\n", w->shape->name, direction, methods[m].name,
               medians[m], medians[m] / medians[0], mallocs_each[m]);
    }
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 201;
    if (rounds == 0 || rounds > ROUNDS_MAX) die("ROUNDS", "1 to 1001");
    printf("%-8s %-7s %-10s %8s %8s %8s\n", "shape", "way", "method", "ns", "ratio", "mallocs");
    static work w;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        double medians[METHODS_MAX];
        double mallocs_each[METHODS_MAX];
        prepare(&w, &shapes[s]);
        size_t decoder_count = w.evolved == NULL ? 4 : 5;
        for (size_t m = 0; m < decoder_count; m++)
            check_decoder(&w, &decoders[m]);
        for (size_t m = 0; m < 4; m++)
            check_encoder(&w, &encoders[m]);
        measure(&w, decoders, decoder_count, rounds, medians, mallocs_each);
        print(&w, "decode", decoders, decoder_count, medians, mallocs_each);
        measure(&w, encoders, 4, rounds, medians, mallocs_each);
        print(&w, "encode", encoders, 4, medians, mallocs_each);
        clean_up(&w);
    }
    return 0;
}
