/* SPDX-License-Identifier: MIT
 * Text as a JSON string (RFC 8259, section 7), for what the commands print themselves. */
#include "cli/json_text.h"
#include "core/text.h"

void stele_json_text(stele_buffer *out, stele_bytes text)
{
    stele_buffer_push(out, '"');
    for (size_t i = 0; i < text.size;) {
        uint8_t byte = text.data[i];
        size_t size = stele_utf8_size(text, i);
        if (byte == '"' || byte == '\\') {
            stele_buffer_push(out, '\\');
            stele_buffer_push(out, byte);
        } else if (byte < 0x20 || byte == 0x7F) {
            stele_buffer_format(out, "\\u%04x", byte);
        } else if (size == 0) {
            stele_buffer_append(out, stele_text("\xEF\xBF\xBD"));
        } else {
            stele_buffer_append(out, stele_bytes_of(text.data + i, size));
        }
        i += size == 0 ? 1 : size;
    }
    stele_buffer_push(out, '"');
}
