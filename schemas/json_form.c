/* SPDX-License-Identifier: MIT
 * What reading and writing JSON have in common. */
#include "schemas/json_form.h"

#include <math.h>
#include <string.h>

#include "schemas/scalar_text.h"

stele_json_look stele_json_look_of(const stele_layout *layout)
{
    if (layout == NULL) return STELE_JSON_LOOK_NULL;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return STELE_JSON_LOOK_NULL;
    case STELE_KIND_BOOLEAN:
        return STELE_JSON_LOOK_BOOLEAN;
    case STELE_KIND_ARRAY:
        return STELE_JSON_LOOK_ARRAY;
    case STELE_KIND_MAP:
    case STELE_KIND_RECORD:
        return STELE_JSON_LOOK_OBJECT;
    default:
        return stele_scalar_is_text(layout) ? STELE_JSON_LOOK_STRING : STELE_JSON_LOOK_NUMBER;
    }
}

static bool is_real(const stele_layout *layout)
{
    return layout != NULL &&
           (layout->kind == STELE_KIND_FLOAT || layout->kind == STELE_KIND_DOUBLE);
}

static unsigned looks_of(const stele_layout *layout, bool *doubled, bool *real)
{
    unsigned seen = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        unsigned look = 1u << stele_json_look_of(layout->members[i].layout);
        *doubled = *doubled || (seen & look) != 0;
        *real = *real || is_real(layout->members[i].layout);
        seen |= look;
    }
    return seen;
}

bool stele_json_is_ambiguous(const stele_layout *layout)
{
    bool doubled = false;
    bool real = false;
    unsigned seen = looks_of(layout, &doubled, &real);
    /* A NaN beside strings is tagged, which makes it an object: then no other may be one. */
    const unsigned both = 1u << STELE_JSON_LOOK_STRING | 1u << STELE_JSON_LOOK_OBJECT;
    return doubled || (real && (seen & both) == both);
}

static bool is_finite(const stele_layout *layout, const void *value)
{
    float single;
    double twice;
    if (!is_real(layout)) return true;
    if (layout->kind == STELE_KIND_FLOAT) {
        memcpy(&single, value, sizeof single);
        return isfinite(single);
    }
    memcpy(&twice, value, sizeof twice);
    return isfinite(twice);
}

bool stele_json_is_tagged(const stele_layout *layout, const stele_layout *branch, const void *value)
{
    if (stele_json_is_ambiguous(layout)) return true;
    if (is_finite(branch, value)) return false;
    bool unused = false;
    return (looks_of(layout, &unused, &unused) & 1u << STELE_JSON_LOOK_STRING) != 0;
}

const char *stele_json_branch_name(const stele_layout *layout)
{
    static const char *const kinds[] = {"null",   "boolean", "int",    "long",  "float",
                                        "double", "bytes",   "string", "fixed", "enum",
                                        "array",  "map",     "record", "union"};
    return layout->name != NULL ? layout->name : kinds[layout->kind];
}

const void *stele_json_member(const stele_member *member, const void *base)
{
    const uint8_t *place = (const uint8_t *)base + member->offset;
    if (!member->pointer) return place;
    const void *pointed;
    memcpy(&pointed, place, sizeof pointed);
    return pointed;
}
