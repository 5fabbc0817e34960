/* SPDX-License-Identifier: MIT
 * What an audit finds is counted and handed out here. It knows nothing of how it was found. */
#include "consumer/audit_inside.h"

#include <stdarg.h>

#include "core/alloc.h"

const char *stele_audit_kind_name(stele_audit_kind kind)
{
    static const char *const names[STELE_AUDIT_KINDS] = {
        [STELE_AUDIT_HOLE] = "hole",
        [STELE_AUDIT_FORK] = "fork",
        [STELE_AUDIT_FOREIGN] = "foreign",
        [STELE_AUDIT_BAD_VERSION] = "bad-version",
        [STELE_AUDIT_DUPLICATE_ID] = "duplicate-id",
        [STELE_AUDIT_COMMAND_TWICE] = "command-twice",
        [STELE_AUDIT_WRONG_PARTITION] = "wrong-partition",
        [STELE_AUDIT_NO_KEY] = "no-key",
        [STELE_AUDIT_NO_VALUE] = "no-value",
        [STELE_AUDIT_RESERVED_ID] = "reserved-id",
        [STELE_AUDIT_UNDECODABLE] = "undecodable",
        [STELE_AUDIT_UNREADABLE] = "unreadable",
        [STELE_AUDIT_HANGING] = "hanging",
    };
    return names[kind];
}

void stele_audit_find(stele_audit_run *run, stele_audit_kind kind, int64_t offset, stele_bytes id,
                      const char *format, ...)
{
    run->counts->findings[kind]++;
    if (run->options->each == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    STELE_AUTO(char) text = stele_strdup_vformat(format, arguments);
    va_end(arguments);
    run->options->each(
        run->options->context,
        &(stele_audit_finding){
            .kind = kind, .partition = run->source, .offset = offset, .id = id, .text = text});
}

stele_deadline stele_audit_patience(const stele_audit_run *run)
{
    return stele_deadline_after(stele_log_clock(run->options->log), run->options->patience_ms);
}
