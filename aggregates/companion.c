/* SPDX-License-Identifier: MIT
 * Remembered commands as the companion of an aggregate's state: kept by its fold, stored with its
 * snapshots. */
#include "aggregates/companion.h"

#include "core/bug.h"

static stele_status see(const void *context, void *companion, const stele_event *event,
                        stele_error *err)
{
    (void)err;
    stele_remembered_see(companion, context, event);
    return STELE_OK;
}

static void write(const void *context, const void *companion, stele_buffer *out)
{
    (void)context;
    if (!STELE_BUG("commands are not stored")) stele_remembered_write(companion, out);
}

static stele_status read(const void *context, void *companion, stele_bytes bytes, stele_error *err)
{
    if (STELE_BUG("commands are not restored")) return STELE_OK;
    return stele_remembered_read(companion, context, bytes, err);
}

static void clear(const void *context, void *companion)
{
    (void)context;
    stele_remembered_clear(companion);
}

stele_companion stele_remembered_companion(const stele_remembered_limits *limits)
{
    return (stele_companion){.header = "stele_commands",
                             .size = sizeof(stele_remembered),
                             .align = _Alignof(stele_remembered),
                             .context = limits,
                             .see = see,
                             .write = write,
                             .read = read,
                             .clear = clear};
}
