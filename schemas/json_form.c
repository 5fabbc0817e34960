/* SPDX-License-Identifier: MIT
 * What reading and writing JSON have in common. */
#include "schemas/json_form.h"

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

bool stele_json_is_ambiguous(const stele_layout *layout)
{
    unsigned seen = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        unsigned look = 1u << stele_json_look_of(layout->members[i].layout);
        if ((seen & look) != 0) return true;
        seen |= look;
    }
    return false;
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
