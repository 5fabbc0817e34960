/* SPDX-License-Identifier: MIT
 * Upcasters: from an event's old type to a newer one, for what Avro's resolution cannot express. */
#ifndef STELE_UPCASTER_H
#define STELE_UPCASTER_H

#include <stele/type.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One step of a chain: one record in, one record out. */
typedef struct stele_upcaster {
    const stele_type *from;
    const stele_type *to;
    /**
     * @param from   decoded as the old type; views are valid as long as the event
     * @param to     all zero; to be filled; may point into `from`, into constants and into `arena`
     * @param context  that of this step
     * @return STELE_E_INVALID with next = REJECT  this event cannot be converted
     */
    stele_status (*convert)(const void *from, void *to, stele_arena *arena, const void *context,
                            stele_error *err);
    const void *context; /* for `convert`; borrowed, constant */
} stele_upcaster;

#ifdef __cplusplus
}
#endif

#endif
