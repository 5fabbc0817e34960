/* SPDX-License-Identifier: MIT
 * Logical types. What is unknown, or does not fit the type it is on, is ignored, and the type
 * beneath is used (specification, "Logical Types"). */
#include <string.h>

#include "schemas/schema_object.h"

static const struct {
    const char *name;
    stele_logical logical;
    stele_kind kind;
} logicals[] = {
    {"uuid", STELE_LOGICAL_UUID, STELE_KIND_STRING},
    {"uuid", STELE_LOGICAL_UUID, STELE_KIND_FIXED},
    {"date", STELE_LOGICAL_DATE, STELE_KIND_INT},
    {"time-millis", STELE_LOGICAL_TIME_MILLIS, STELE_KIND_INT},
    {"time-micros", STELE_LOGICAL_TIME_MICROS, STELE_KIND_LONG},
    {"timestamp-millis", STELE_LOGICAL_TIMESTAMP_MILLIS, STELE_KIND_LONG},
    {"timestamp-micros", STELE_LOGICAL_TIMESTAMP_MICROS, STELE_KIND_LONG},
    {"timestamp-nanos", STELE_LOGICAL_TIMESTAMP_NANOS, STELE_KIND_LONG},
    {"local-timestamp-millis", STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS, STELE_KIND_LONG},
    {"local-timestamp-micros", STELE_LOGICAL_LOCAL_TIMESTAMP_MICROS, STELE_KIND_LONG},
    {"local-timestamp-nanos", STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS, STELE_KIND_LONG},
    {"duration", STELE_LOGICAL_DURATION, STELE_KIND_FIXED},
};

/* The most digits that a two's complement number of `size` bytes can always hold:
 * floor(log10(2^(8 * size - 1) - 1)). The quotient is log10(2), close enough for any int32_t. */
static int64_t digits_of(uint32_t size)
{
    if (size == 0) return 0;
    return (int64_t)((8 * (uint64_t)size - 1) * UINT64_C(301029995663) / UINT64_C(1000000000000));
}

static void parse_decimal(stele_node *node, const stele_tree *properties)
{
    const stele_tree *scale = stele_tree_get(properties, "scale");
    int64_t digits;
    int64_t after = 0;
    if (!stele_tree_integer(stele_tree_get(properties, "precision"), &digits)) return;
    if (scale != NULL && !stele_tree_integer(scale, &after)) return;
    if (digits <= 0 || digits > INT32_MAX || after < 0 || after > digits) return;
    if (node->kind == STELE_KIND_FIXED && digits > digits_of(node->fixed_size)) return;
    node->logical = STELE_LOGICAL_DECIMAL;
    node->precision = (uint32_t)digits;
    node->scale = (uint32_t)after;
}

static bool size_fits(const stele_node *node, stele_logical logical)
{
    if (node->kind != STELE_KIND_FIXED) return true;
    return node->fixed_size == (logical == STELE_LOGICAL_UUID ? 16 : 12);
}

void stele_parse_logical(stele_node *node, const stele_tree *properties)
{
    const char *name = stele_tree_string(stele_tree_get(properties, "logicalType"));
    if (name == NULL) return;
    if (strcmp(name, "decimal") == 0) {
        if (node->kind == STELE_KIND_BYTES || node->kind == STELE_KIND_FIXED) {
            parse_decimal(node, properties);
        }
        return;
    }
    for (size_t i = 0; i < sizeof logicals / sizeof logicals[0]; i++) {
        if (logicals[i].kind == node->kind && strcmp(name, logicals[i].name) == 0 &&
            size_fits(node, logicals[i].logical)) {
            node->logical = logicals[i].logical;
            return;
        }
    }
}
