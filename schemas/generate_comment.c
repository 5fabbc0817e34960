/* SPDX-License-Identifier: MIT
 * Text from a schema in generated code: comments and string literals, which no text can end early
 * and no compiler warns of. */
#include "schemas/generate_out.h"

#include "core/text.h"

/* Characters that change the direction of what follows: compilers warn of them in comments. All are
 * U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069. */
static bool turns_text(const uint8_t *at, size_t size)
{
    if (size == 2) return at[0] == 0xd8 && at[1] == 0x9c;
    if (size != 3 || at[0] != 0xe2) return false;
    if (at[1] == 0x80) return at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae);
    return at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

/* What ASCII becomes, given what was written before it; '\0': nothing. */
static char in_comment(char c, char before)
{
    if (c == '/' && (before == '*' || before == '?')) return '|'; /* an end, or half a trigraph */
    if (c == '*' && before == '/') return '|';                    /* a beginning */
    return c < ' ' || c == 0x7f || c == '\\' ? '\0' : c;
}

void stele_generate_comment(stele_buffer *out, const char *doc, const char *space)
{
    if (doc == NULL || doc[0] == '\0') return;
    stele_bytes text = stele_text(doc);
    stele_buffer_format(out, "%s/** ", space);
    for (size_t at = 0, size; at < text.size; at += size) {
        if ((size = stele_utf8_size(text, at)) == 0) {
            size = 1; /* no UTF-8 */
        } else if (text.data[at] == '\n') {
            stele_buffer_format(out, "\n%s * ", space);
        } else if (size == 1) {
            char c = in_comment((char)text.data[at], (char)out->data[out->size - 1]);
            if (c != '\0') stele_buffer_push(out, (uint8_t)c);
        } else if (!turns_text(text.data + at, size)) {
            stele_buffer_append(out, stele_bytes_of(text.data + at, size));
        }
    }
    stele_buffer_format(out, " */\n");
}

void stele_generate_literal(stele_buffer *out, stele_bytes text)
{
    stele_buffer_format(out, "\"");
    size_t column = 0;
    for (size_t i = 0; i < text.size; i++, column++) {
        unsigned char c = text.data[i];
        if (column >= 80) {
            stele_buffer_format(out, "\"\n    \"");
            column = 0;
        }
        if (c == '"' || c == '\\' || c == '?') {
            stele_buffer_format(out, "\\%c", c);
        } else if (c == '\n') {
            stele_buffer_format(out, "\\n");
            column = 80;
        } else if (c >= ' ' && c < 0x7f) {
            stele_buffer_push(out, c);
        } else {
            stele_buffer_format(out, "\\%03o", (unsigned)c);
        }
    }
    stele_buffer_format(out, "\"");
}
