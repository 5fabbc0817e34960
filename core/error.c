/* SPDX-License-Identifier: MIT
 * Filling error values. Knows neither where an error goes nor who asked. */
#include <stele/error.h>

#include <stdarg.h>
#include <string.h>

#include "core/message.h"

static stele_status fill(stele_error *err, stele_status status, stele_next next, int cause,
                         const char *format, va_list arguments)
{
    if (err == NULL) return status;

    /* Not straight into err->text: an argument may be the text of that same error. */
    char text[sizeof err->text];
    stele_message_vformat(text, sizeof text, format, arguments);

    *err = (stele_error){.status = status, .next = next, .cause = cause};
    memcpy(err->text, text, strlen(text) + 1);
    return status;
}

stele_status stele_fail(stele_error *err, stele_status status, stele_next next, const char *format,
                        ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, status, next, 0, format, arguments);
    va_end(arguments);
    return status;
}

stele_status stele_fail_cause(stele_error *err, stele_status status, stele_next next, int cause,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, status, next, cause, format, arguments);
    va_end(arguments);
    return status;
}

const char *stele_status_name(stele_status status)
{
    switch (status) {
    case STELE_OK:
        return "ok";
    case STELE_FINISHED:
        return "finished";
    case STELE_E_INVALID:
        return "invalid";
    case STELE_E_LIMIT:
        return "limit";
    case STELE_E_NOT_FOUND:
        return "not_found";
    case STELE_E_EXISTS:
        return "exists";
    case STELE_E_CONFLICT:
        return "conflict";
    case STELE_E_INCOMPATIBLE:
        return "incompatible";
    case STELE_E_FENCED:
        return "fenced";
    case STELE_E_NOT_OWNER:
        return "not_owner";
    case STELE_E_TIMED_OUT:
        return "timed_out";
    case STELE_E_UNAVAILABLE:
        return "unavailable";
    case STELE_E_FULL:
        return "full";
    case STELE_E_HOLE:
        return "hole";
    case STELE_E_INTERRUPTED:
        return "interrupted";
    case STELE_E_INTERNAL:
        return "internal";
    case STELE_E_STOPPED:
        return "stopped";
    case STELE_E_FORBIDDEN:
        return "forbidden";
    case STELE_E_REJECTED:
        return "rejected";
    }
    return "unknown";
}
