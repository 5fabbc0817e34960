/* SPDX-License-Identifier: MIT
 * Text as a JSON string, for what the commands print themselves. */
#ifndef STELE_CLI_JSON_TEXT_H
#define STELE_CLI_JSON_TEXT_H

#include <stele/buffer.h>

/** Append `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void stele_json_text(stele_buffer *out, stele_bytes text);

#endif
