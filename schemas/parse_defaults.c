/* SPDX-License-Identifier: MIT
 * The defaults of fields, checked once all types are known. */
#include "core/alloc.h"
#include "schemas/default.h"
#include "schemas/schema_object.h"

stele_status stele_parse_defaults(stele_parser *parser)
{
    const stele_schema *schema = parser->schema;
    STELE_AUTO_VALUE(stele_buffer) datum = {0};
    size_t steps_left = STELE_DEFAULT_STEPS_MAX;
    for (size_t i = 0; i < schema->record_count; i++) {
        const stele_node *record = schema->records[i];
        for (size_t k = 0; k < record->count; k++) {
            const stele_field *field = &record->fields[k];
            if (field->standard == NULL) continue;
            stele_buffer_reset(&datum);
            stele_error why;
            stele_status status =
                stele_default_encode(field->type, field->standard, &steps_left, &datum, &why);
            if (status < 0) {
                return stele_parser_fail(parser, status, field->source, "default",
                                         "the default of the field %s of %s: %s", field->name,
                                         record->name, why.text);
            }
        }
    }
    return STELE_OK;
}
