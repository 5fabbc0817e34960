/* SPDX-License-Identifier: MIT
 * Runs a plan's program over one datum. Every read is checked against the end; what fails says
 * what and where on the way out, so that the way in costs nothing for it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "core/message.h"
#include "core/text.h"
#include "schemas/plan.h"
#include "schemas/value_path.h"

#define COLD __attribute__((cold, noinline))

typedef struct decoder {
    const uint8_t *end;
    stele_arena *arena;
    size_t items_left;
    size_t memory_left;
    unsigned depth_left;
    const stele_codec_limits *limits;
    stele_status status;
    char why[STELE_VALUE_WHY_MAX];
    stele_value_path path;
    size_t
        failed_left; /* of the run that failed last: items it had still to do, that one included */
    bool failed_first; /* it was the first op, which in a map reads the key */
} decoder;

static const uint8_t *run(decoder *d, const stele_program *program, const uint8_t *at,
                          uint8_t *base, size_t count, size_t stride);

/* Failures. Each says why and returns NULL. */

static COLD STELE_PRINTF(3, 4) const uint8_t *refuse(decoder *d, stele_status status,
                                                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(d->why, sizeof d->why, format, arguments);
    va_end(arguments);
    d->status = status;
    return NULL;
}

static COLD const uint8_t *refuse_short(decoder *d, const uint8_t *at, const char *what,
                                        size_t size)
{
    return refuse(d, STELE_E_INVALID, "%s of %zu bytes, %zu left", what, size,
                  (size_t)(d->end - at));
}

/* What is wrong with a varint that should be `what`. */
static COLD const uint8_t *refuse_varint(decoder *d, const uint8_t *at, const char *what)
{
    size_t left = (size_t)(d->end - at);
    size_t size = 0;
    while (size < left && size < 10 && at[size] >= 0x80)
        size++;
    if (size == left) return refuse(d, STELE_E_INVALID, "%s is cut off by the end", what);
    return refuse(d, STELE_E_INVALID, "a number that is not %s", what);
}

static COLD const uint8_t *refuse_boolean(decoder *d, const uint8_t *at)
{
    if (at == d->end) return refuse_short(d, at, "boolean", 1);
    return refuse(d, STELE_E_INVALID, "boolean that is %d, neither 0 nor 1", *at);
}

static COLD const uint8_t *refuse_bytes(decoder *d, const uint8_t *at, const char *what)
{
    int64_t size;
    const uint8_t *data = stele_read_long(at, d->end, &size);
    if (data == NULL) return refuse_varint(d, at, "a length");
    if (size < 0) return refuse(d, STELE_E_INVALID, "%s of %" PRId64 " bytes", what, size);
    if (size > d->end - data) return refuse_short(d, data, what, (size_t)size);
    return refuse(d, STELE_E_INVALID, "%s that is not UTF-8: %s", what,
                  stele_quote(stele_bytes_of(data, (size_t)size)).text);
}

static COLD const uint8_t *refuse_digits(decoder *d, size_t size, uint32_t precision)
{
    if (size == 0) return refuse(d, STELE_E_INVALID, "decimal without bytes; 0 has one");
    return refuse(d, STELE_E_INVALID, "decimal of more than %" PRIu32 " digits, in %zu bytes",
                  precision, size);
}

static COLD const uint8_t *refuse_decimal(decoder *d, const uint8_t *at, const stele_op *op)
{
    stele_bytes digits;
    if (stele_read_bytes(at, d->end, &digits) == NULL) return refuse_bytes(d, at, "decimal");
    return refuse_digits(d, digits.size, op->precision);
}

static COLD const uint8_t *refuse_decimal_fixed(decoder *d, const uint8_t *at, const stele_op *op)
{
    if ((size_t)(d->end - at) < op->size) return refuse_short(d, at, "decimal", op->size);
    return refuse_digits(d, op->size, op->precision);
}

static COLD const uint8_t *refuse_index(decoder *d, const uint8_t *at, const char *what,
                                        uint32_t count)
{
    int64_t index;
    if (stele_read_long(at, d->end, &index) == NULL) return refuse_varint(d, at, what);
    return refuse(d, STELE_E_INVALID, "%s %" PRId64 " of %" PRIu32, what, index, count);
}

static COLD const uint8_t *refuse_depth(decoder *d)
{
    return refuse(d, STELE_E_LIMIT, "values are nested more than %u deep", d->limits->depth_max);
}

/* Put the op's field into the path, and keep for a list which of its items it was. */
static COLD const uint8_t *locate(decoder *d, const stele_program *program, const stele_op *op,
                                  size_t left)
{
    stele_value_path_field(&d->path, program->names[op - program->ops]);
    d->failed_first = op == program->ops;
    d->failed_left = left;
    return NULL;
}

/* Lists. */

static uint8_t *take(decoder *d, size_t size)
{
    if (size > d->memory_left) {
        refuse(d, STELE_E_LIMIT, "its values take more than %zu bytes of memory",
               d->limits->memory_max);
        return NULL;
    }
    d->memory_left -= size;
    return stele_arena_take(d->arena, size);
}

/* The head of a block: how many items, and with a negative count its size in bytes, else -1. */
static const uint8_t *read_block(decoder *d, const uint8_t *at, size_t wire_min, size_t *count,
                                 int64_t *size)
{
    int64_t items;
    const uint8_t *start = at;
    *size = -1;
    if ((at = stele_read_long(at, d->end, &items)) == NULL) {
        return refuse_varint(d, start, "a count of items");
    }
    if (items < 0) {
        start = at;
        if ((at = stele_read_long(at, d->end, size)) == NULL) {
            return refuse_varint(d, start, "the size of a block");
        }
        if (*size < 0 || *size > d->end - at) {
            return refuse(d, STELE_E_INVALID, "block of %" PRId64 " bytes, %zu left", *size,
                          (size_t)(d->end - at));
        }
        if (items == INT64_MIN) return refuse(d, STELE_E_INVALID, "a block of -2^63 items");
        items = -items;
    }
    size_t left = (size_t)(d->end - at);
    if (wire_min != 0 && (uint64_t)items > left / wire_min) {
        return refuse(d, STELE_E_INVALID, "%" PRId64 " items, %zu bytes left", items, left);
    }
    if ((uint64_t)items > d->items_left) {
        return refuse(d, STELE_E_LIMIT, "more than %zu items in all", d->limits->items_max);
    }
    d->items_left -= (size_t)items;
    *count = (size_t)items;
    return at;
}

/* Room for `more` items behind those that are there, which may move. It doubles, so that many small
 * blocks cost no more than one large one. */
static bool grow(decoder *d, stele_array *list, size_t *room, size_t more, size_t stride)
{
    size_t needed = list->count + more; /* both are within items_max */
    if (needed <= *room) return true;
    size_t wanted = *room > needed / 2 ? *room * 2 : needed;
    uint8_t *items = NULL;
    if (stride == 0 || wanted <= d->memory_left / stride) {
        items = take(d, wanted * stride);
    } else if (needed <= d->memory_left / stride) {
        items = take(d, (wanted = needed) * stride);
    } else {
        take(d, SIZE_MAX);
    }
    if (items == NULL) return false;
    if (list->count > 0) memcpy(items, list->items, list->count * stride);
    list->items = items;
    *room = wanted;
    return true;
}

static stele_bytes key_at(const stele_array *map, size_t stride, size_t index)
{
    stele_bytes key;
    memcpy(&key, (const uint8_t *)map->items + index * stride, sizeof key);
    return key;
}

static bool same_key(stele_bytes a, stele_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

typedef struct keyed {
    stele_bytes key;
    size_t index;
} keyed;

/* By key, and those of one key as they came. */
static int compare_keyed(const void *a, const void *b)
{
    const keyed *one = a;
    const keyed *other = b;
    size_t common = one->key.size < other->key.size ? one->key.size : other->key.size;
    int order = common == 0 ? 0 : memcmp(one->key.data, other->key.data, common);
    if (order != 0) return order;
    if (one->key.size != other->key.size) return one->key.size < other->key.size ? -1 : 1;
    return one->index < other->index ? -1 : 1;
}

/* Of a key that is written twice the last one counts, as in Avro Java. */
static COLD void drop_replaced(stele_array *map, size_t stride)
{
    keyed *sorted = stele_alloc_array(map->count, sizeof *sorted);
    bool *replaced = stele_alloc_array(map->count, sizeof *replaced);
    for (size_t i = 0; i < map->count; i++)
        sorted[i] = (keyed){key_at(map, stride, i), i};
    qsort(sorted, map->count, sizeof *sorted, compare_keyed);
    for (size_t i = 0; i + 1 < map->count; i++)
        replaced[sorted[i].index] = same_key(sorted[i].key, sorted[i + 1].key);

    size_t kept = 0;
    uint8_t *items = map->items;
    for (size_t i = 0; i < map->count; i++) {
        if (replaced[i]) continue;
        if (kept != i) memcpy(items + kept * stride, items + i * stride, stride);
        kept++;
    }
    map->count = kept;
    free(sorted);
    free(replaced);
}

static void make_unique(stele_array *map, size_t stride)
{
    if (!stele_map_is_unique(map->items, map->count, stride)) drop_replaced(map, stride);
}

static COLD const uint8_t *locate_item(decoder *d, bool map, const stele_array *list, size_t stride)
{
    size_t index = list->count - d->failed_left;
    if (map && !d->failed_first) {
        stele_value_path_key(&d->path, key_at(list, stride, index));
    } else {
        stele_value_path_index(&d->path, index);
    }
    return NULL;
}

static const uint8_t *read_list(decoder *d, const stele_op *op, const uint8_t *at, uint8_t *value)
{
    const stele_list_plan *plan = op->list;
    stele_array list = {0};
    size_t room = 0;
    for (;;) {
        size_t more;
        int64_t unused;
        if (at < d->end && *at == 0) { /* mostly there is one block, and then this */
            at++;
            break;
        }
        if ((at = read_block(d, at, plan->wire_min, &more, &unused)) == NULL) return NULL;
        if (more == 0) break;
        if (!grow(d, &list, &room, more, plan->stride)) return NULL;
        size_t before = list.count;
        uint8_t *items = (uint8_t *)list.items + before * plan->stride;
        list.count += more;
        if ((at = run(d, plan->item, at, items, more, plan->stride)) == NULL) {
            return locate_item(d, op->code == STELE_OP_MAP, &list, plan->stride);
        }
    }
    if (op->code == STELE_OP_MAP && list.count > 1) make_unique(&list, plan->stride);
    memcpy(value, &list, sizeof list);
    return at;
}

static const uint8_t *skip_list(decoder *d, const stele_op *op, const uint8_t *at)
{
    const stele_list_plan *plan = op->list;
    uint8_t nowhere = 0; /* a skip stores nothing */
    for (size_t before = 0;;) {
        size_t count;
        int64_t size;
        if ((at = read_block(d, at, plan->wire_min, &count, &size)) == NULL) return NULL;
        if (count == 0) return at;
        if (size >= 0) {
            at += size;
        } else if ((at = run(d, plan->item, at, &nowhere, count, 0)) == NULL) {
            stele_value_path_index(&d->path, before + count - d->failed_left);
            return NULL;
        }
        before += count;
    }
}

/* The other ops that do more than read one number. */

static const uint8_t *read_enum(decoder *d, const stele_op *op, const uint8_t *at, uint8_t *value)
{
    const uint8_t *start = at;
    int32_t index;
    if ((at = stele_read_index(at, d->end, op->size, &index)) == NULL) {
        return refuse_index(d, start, "symbol", op->size);
    }
    if (op->symbols != NULL) {
        int32_t mapped = op->symbols[index];
        if (mapped < 0) {
            return refuse(d, STELE_E_INVALID,
                          "symbol %" PRId32
                          " of the writer is none of the reader's, whose enum has "
                          "no default",
                          index);
        }
        index = mapped;
    }
    memcpy(value, &index, sizeof index);
    return at;
}

static const uint8_t *recurse(decoder *d, const stele_program *program, const uint8_t *at,
                              uint8_t *value)
{
    if (d->depth_left == 0) return refuse_depth(d);
    d->depth_left--;
    at = run(d, program, at, value, 1, 0);
    d->depth_left++;
    return at;
}

static const uint8_t *read_pointed(decoder *d, const stele_op *op, const uint8_t *at,
                                   uint8_t *value)
{
    if (d->depth_left == 0) return refuse_depth(d);
    uint8_t *pointed = take(d, op->size);
    if (pointed == NULL) return NULL;
    memcpy(value, &pointed, sizeof pointed);
    return recurse(d, op->program, at, pointed);
}

static const uint8_t *read_union(decoder *d, const stele_op *op, const uint8_t *at, uint8_t *base)
{
    const uint8_t *start = at;
    int32_t branch;
    if ((at = stele_read_index(at, d->end, op->size, &branch)) == NULL) {
        return refuse_index(d, start, "branch", op->size);
    }
    return run(d, op->programs[branch], at, base, 1, 0);
}

/* The cases below differ in a type and a function only; these keep each to what is its own. */
#define STORE(type, expression)                                                                    \
    do {                                                                                           \
        type stored = (type)(expression);                                                          \
        memcpy(base + op->offset, &stored, sizeof stored);                                         \
    } while (0)

/* A value that is read into `local`, by a function that returns NULL where `refusal` says why. */
#define READ(local_type, function, refusal)                                                        \
    local_type read;                                                                               \
    const uint8_t *next = function(at, end, &read);                                                \
    if (next == NULL) {                                                                            \
        refusal;                                                                                   \
        return locate(d, program, op, count);                                                      \
    }                                                                                              \
    at = next

/* The same for each op of a run. */
#define READ_RUN(local_type, function, refusal)                                                    \
    for (unsigned left = op->run;; op++) {                                                         \
        READ(local_type, function, refusal);                                                       \
        memcpy(base + op->offset, &read, sizeof read);                                             \
        if (--left == 0) break;                                                                    \
    }                                                                                              \
    break

#define READ_AS(local_type, function, stored_type, refusal)                                        \
    {                                                                                              \
        READ(local_type, function, refusal);                                                       \
        STORE(stored_type, read);                                                                  \
        break;                                                                                     \
    }

#define READ_DECIMAL(at, end, out)      stele_read_decimal(at, end, op->precision, out)
#define READ_WIDE_DECIMAL(at, end, out) stele_read_wide_decimal(at, end, op->precision, out)

/* What a function of this file reads; it has said why it could not. */
#define CALL(expression)                                                                           \
    if ((at = (expression)) == NULL) return locate(d, program, op, count);                         \
    break

static const uint8_t *run(decoder *d, const stele_program *program, const uint8_t *at,
                          uint8_t *base, size_t count, size_t stride)
{
    const uint8_t *const end = d->end;
    for (const stele_op *op = program->ops;; op++) {
        switch ((stele_op_code)op->code) {
        case STELE_OP_END:
            if (--count == 0) return at;
            base += stride;
            op = program->ops - 1;
            break;

        case STELE_OP_BOOLEAN:
            READ_RUN(bool, stele_read_boolean, refuse_boolean(d, at));
        case STELE_OP_INT:
            READ_RUN(int32_t, stele_read_int, refuse_varint(d, at, "an int"));
        case STELE_OP_LONG:
            READ_RUN(int64_t, stele_read_long, refuse_varint(d, at, "a long"));
        case STELE_OP_FLOAT:
            READ_RUN(float, stele_read_float, refuse_short(d, at, "float", 4));
        case STELE_OP_DOUBLE:
            READ_RUN(double, stele_read_double, refuse_short(d, at, "double", 8));
        case STELE_OP_BYTES:
            READ_RUN(stele_bytes, stele_read_bytes, refuse_bytes(d, at, "bytes"));
        case STELE_OP_STRING:
            READ_RUN(stele_bytes, stele_read_string, refuse_bytes(d, at, "string"));
        case STELE_OP_NULL:
            base[op->offset] = 0;
            break;
        case STELE_OP_DECIMAL:
            READ_RUN(int64_t, READ_DECIMAL, refuse_decimal(d, at, op));
        case STELE_OP_WIDE_DECIMAL:
            READ_RUN(stele_bytes, READ_WIDE_DECIMAL, refuse_decimal(d, at, op));
        case STELE_OP_DURATION:
            READ_RUN(stele_duration, stele_read_duration, refuse_short(d, at, "duration", 12));
        case STELE_OP_DECIMAL_FIXED: {
            int64_t unscaled;
            const uint8_t *next =
                stele_read_decimal_fixed(at, end, op->size, op->precision, &unscaled);
            if (next == NULL) {
                refuse_decimal_fixed(d, at, op);
                return locate(d, program, op, count);
            }
            STORE(int64_t, unscaled);
            at = next;
            break;
        }
        case STELE_OP_WIDE_DECIMAL_FIXED: {
            const uint8_t *next =
                stele_read_wide_decimal_fixed(at, end, op->size, op->precision, base + op->offset);
            if (next == NULL) {
                refuse_decimal_fixed(d, at, op);
                return locate(d, program, op, count);
            }
            at = next;
            break;
        }
        case STELE_OP_FIXED:
            if ((size_t)(end - at) < op->size) {
                refuse_short(d, at, "fixed", op->size);
                return locate(d, program, op, count);
            }
            memcpy(base + op->offset, at, op->size);
            at += op->size;
            break;
        case STELE_OP_ENUM:
            CALL(read_enum(d, op, at, base + op->offset));

        case STELE_OP_INT_TO_LONG:
            READ_AS(int32_t, stele_read_int, int64_t, refuse_varint(d, at, "an int"))
        case STELE_OP_INT_TO_FLOAT:
            READ_AS(int32_t, stele_read_int, float, refuse_varint(d, at, "an int"))
        case STELE_OP_INT_TO_DOUBLE:
            READ_AS(int32_t, stele_read_int, double, refuse_varint(d, at, "an int"))
        case STELE_OP_LONG_TO_FLOAT:
            READ_AS(int64_t, stele_read_long, float, refuse_varint(d, at, "a long"))
        case STELE_OP_LONG_TO_DOUBLE:
            READ_AS(int64_t, stele_read_long, double, refuse_varint(d, at, "a long"))
        case STELE_OP_FLOAT_TO_DOUBLE:
            READ_AS(float, stele_read_float, double, refuse_short(d, at, "float", 4))

        case STELE_OP_RECORD:
            CALL(run(d, op->program, at, base + op->offset, 1, 0));
        case STELE_OP_RECURSE:
            CALL(recurse(d, op->program, at, base + op->offset));
        case STELE_OP_POINTER:
            CALL(read_pointed(d, op, at, base + op->offset));
        case STELE_OP_ARRAY:
        case STELE_OP_MAP:
            CALL(read_list(d, op, at, base + op->offset));
        case STELE_OP_OPTIONAL: {
            int32_t branch;
            const uint8_t *next = stele_read_index(at, end, 2, &branch);
            if (next == NULL) {
                refuse_index(d, at, "branch", 2);
                return locate(d, program, op, count);
            }
            at = next;
            base[op->flag] = branch != op->branch8;
            if (branch == op->branch8) {
                memset(base + op->offset, 0, op->size);
                op += op->run;
            }
            break;
        }
        case STELE_OP_UNION:
            CALL(read_union(d, op, at, base));

        case STELE_OP_FLAG:
            base[op->flag] = 1;
            break;
        case STELE_OP_CLEAR:
            memset(base + op->offset, 0, op->size);
            if (op->flag != STELE_NO_FLAG) base[op->flag] = 0;
            break;
        case STELE_OP_BRANCH:
            memset(base + op->offset, 0, op->size);
            STORE(int32_t, op->branch);
            break;
        case STELE_OP_DEFAULT:
            memcpy(base + op->offset, op->image, op->size);
            if (op->flag != STELE_NO_FLAG) base[op->flag] = op->image[op->size];
            break;
        case STELE_OP_FAIL:
            refuse(d, STELE_E_INVALID, "%s", op->why);
            return locate(d, program, op, count);

        case STELE_OP_SKIP_BOOLEAN: {
            READ(bool, stele_read_boolean, refuse_boolean(d, at));
            (void)read;
            break;
        }
        case STELE_OP_SKIP_INT: {
            READ(int32_t, stele_read_int, refuse_varint(d, at, "an int"));
            (void)read;
            break;
        }
        case STELE_OP_SKIP_LONG: {
            READ(int64_t, stele_read_long, refuse_varint(d, at, "a long"));
            (void)read;
            break;
        }
        case STELE_OP_SKIP_BYTES: {
            READ(stele_bytes, stele_read_bytes, refuse_bytes(d, at, "string"));
            (void)read;
            break;
        }
        case STELE_OP_SKIP_FIXED:
            if ((size_t)(end - at) < op->size) {
                refuse_short(d, at, "fixed", op->size);
                return locate(d, program, op, count);
            }
            at += op->size;
            break;
        case STELE_OP_SKIP_ENUM: {
            int32_t index;
            const uint8_t *next = stele_read_index(at, end, op->size, &index);
            if (next == NULL) {
                refuse_index(d, at, "symbol", op->size);
                return locate(d, program, op, count);
            }
            at = next;
            break;
        }
        case STELE_OP_SKIP_LIST:
            CALL(skip_list(d, op, at));
        }
    }
}

stele_status stele_program_run(const stele_program *program, const stele_codec_limits *limits,
                               stele_bytes data, void *value, stele_arena *arena, stele_error *err)
{
    /* Null views are empty; arithmetic on null is not defined. */
    static const uint8_t nothing[1];
    const uint8_t *at = data.data == NULL ? nothing : data.data;
    decoder d;
    d.end = at + data.size;
    d.arena = arena;
    d.items_left = limits->items_max;
    d.memory_left = limits->memory_max;
    d.depth_left = limits->depth_max;
    d.limits = limits;
    d.path.size = 0;
    at = run(&d, program, at, value, 1, 0);
    if (at == d.end) return STELE_OK;
    if (at != NULL) {
        refuse(&d, STELE_E_INVALID, "%zu bytes are left behind the datum", (size_t)(d.end - at));
    }
    return stele_value_path_fail(&d.path, d.status, d.why, err);
}

stele_status stele_plan_decode(const stele_plan *plan, stele_bytes data, void *value,
                               stele_arena *arena, stele_error *err)
{
    if (plan->direct) return plan->type->decode(data, value, arena, err);
    return stele_program_run(plan->program, &plan->limits, data, value, arena, err);
}
