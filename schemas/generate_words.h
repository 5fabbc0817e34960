/* SPDX-License-Identifier: MIT
 * Names that C, C++, POSIX or the headers of the system have taken. Internal to the generator. */
#ifndef STELE_SCHEMAS_GENERATE_WORDS_H
#define STELE_SCHEMAS_GENERATE_WORDS_H

#include <stdbool.h>

/** May nothing at all be called so: a keyword, a macro without arguments, or the type of a member
 * of generated structs? */
bool stele_word_is_everywhere(const char *word);

/** May nothing at file scope be called so: a type, function, constant or macro with arguments? */
bool stele_word_is_at_file_scope(const char *word);

/** Is NAME.h a header of the system? In small letters. */
bool stele_word_is_header(const char *word);

#endif
