/* SPDX-License-Identifier: MIT
 * Records of _stele.schemas, one on each line: whatever is in the topic, a record that reads is
 * written to what reads the same, and two catalogs admit the same ones. */
#include "core/alloc.h"
#include "registry/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

STELE_SCOPE(stele_catalog, stele_catalog_free);

/* The record as this program would write it; as it is, if it is none. */
static void rewrite(stele_bytes value, stele_buffer *out)
{
    STELE_AUTO_VALUE(stele_registry_record) record = {0};
    if (stele_registry_record_read(value, &record, NULL) < 0) {
        stele_buffer_append(out, value);
    } else {
        stele_registry_record_write(&record, out);
    }
}

/* @return false: a registry of a later format */
static bool apply_both(stele_catalog *given, stele_catalog *rewritten, int64_t offset,
                       stele_bytes value)
{
    STELE_AUTO_VALUE(stele_buffer) written = {0};
    bool admitted[2] = {false, false};
    rewrite(value, &written);
    stele_status first = stele_catalog_apply(given, offset, value, &admitted[0], NULL);
    stele_status second =
        stele_catalog_apply(rewritten, offset, stele_buffer_view(&written), &admitted[1], NULL);
    if (first != second || admitted[0] != admitted[1]) abort();
    if (first == STELE_OK && stele_catalog_was_admitted(given, offset) != admitted[0]) abort();
    return first == STELE_OK;
}

static void compare(const stele_catalog *a, const stele_catalog *b)
{
    const stele_catalog_subject *subject;
    if (strcmp(stele_catalog_genesis(a), stele_catalog_genesis(b)) != 0) abort();
    for (size_t i = 0; (subject = stele_catalog_subject_at(a, i)) != NULL; i++) {
        const stele_catalog_subject *other = stele_catalog_subject_of(b, subject->name);
        if (other == NULL || other->count != subject->count || other->last != subject->last)
            abort();
        for (size_t n = 0; n < subject->count; n++) {
            if (subject->versions[n].id != other->versions[n].id ||
                subject->versions[n].state != other->versions[n].state ||
                stele_catalog_schema_of(a, subject->versions[n].id) == NULL)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    STELE_AUTO(stele_catalog) given = stele_catalog_new();
    STELE_AUTO(stele_catalog) rewritten = stele_catalog_new();
    size_t begin = 0;
    for (int64_t offset = 0; begin < size; offset++) {
        const uint8_t *end = memchr(data + begin, '\n', size - begin);
        size_t length = end == NULL ? size - begin : (size_t)(end - (data + begin));
        if (!apply_both(given, rewritten, offset, stele_bytes_of(data + begin, length))) break;
        begin += length + 1;
    }
    compare(given, rewritten);
    return 0;
}
