/* SPDX-License-Identifier: MIT
 * The table of keys as documentation: docs/configuration.md and the help. */
#include "core/config.h"

#include <string.h>

#include "core/config_keys.h"

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "Made from the table in `core/config_keys.c`; change that, then run the test `core/config`\n"
    "with `STELE_UPDATE=1` in the environment.\n"
    "\n"
    "A value comes from the first of these that has it:\n"
    "\n"
    "1. `-o section.key=value` on the command line, for a repeated section\n"
    "   `-o projection.NAME.key=value`; of two the later.\n"
    "2. The environment: `STELE_WORKER_THREADS=4`, "
    "`STELE_PROJECTION_CUSTOMERS_SNAPSHOT_EVENTS=5`;\n"
    "   all capitals, what is not a letter or a digit as `_`. An empty variable counts as not "
    "set.\n"
    "   `STELE_KAFKA` is short for the brokers. librdkafka's keys: `STELE_KAFKA_SASL_USERNAME`.\n"
    "3. The file named by `-c`. No file is looked for without it.\n"
    "4. The default.\n"
    "\n"
    "The file is INI: `[section]` or `[section NAME]`, `key = value`, and comments as lines that\n"
    "begin with `#` or `;`. A value is the rest of its line, without quotes. Unknown sections and\n"
    "keys are errors. A secret is given as it is or as `file:PATH`, which reads a file; it is "
    "never\n"
    "shown.\n";

static bool is_in(const stele_config_key *key, const stele_config_section *section)
{
    return strcmp(key->section, section->name) == 0;
}

/* What values a key takes, as people read it; "|" is between choices. */
static void write_values(stele_buffer *out, const stele_config_key *key, const char *separator)
{
    switch (key->type) {
    case STELE_CONFIG_TEXT:
        stele_buffer_format(out, "text");
        return;
    case STELE_CONFIG_SECRET:
        stele_buffer_format(out, "secret");
        return;
    case STELE_CONFIG_INT:
        stele_buffer_format(out, "%lld to %lld %s", (long long)key->min, (long long)key->max,
                            key->unit);
        return;
    case STELE_CONFIG_CHOICE:
        for (const char *c = key->choices; *c != '\0'; c++) {
            if (*c == '|') {
                stele_buffer_format(out, "%s", separator);
            } else {
                stele_buffer_push(out, (uint8_t)*c);
            }
        }
    }
}

static void write_table(stele_buffer *out, const stele_config_section *section)
{
    stele_buffer_format(out, "\n| key | values | default | |\n|---|---|---|---|\n");
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        if (!is_in(k, section)) continue;
        stele_buffer_format(out, "| `%s` | ", k->key);
        write_values(out, k, ", ");
        stele_buffer_format(out, k->initial == NULL ? " | | " : " | `%s` | ", k->initial);
        stele_buffer_format(out, "%s |\n", k->help);
    }
}

void stele_config_write_markdown(stele_buffer *out)
{
    stele_buffer_append(out, stele_text(introduction));
    for (const stele_config_section *s = stele_config_sections; s->name != NULL; s++) {
        stele_buffer_format(out, "\n## [%s%s]\n\n%s\n", s->name, s->is_repeated ? " NAME" : "",
                            s->help);
        write_table(out, s);
        if (!s->is_free) continue;
        stele_buffer_format(out, "\nStele sets these itself; setting them is an error:\n\n");
        for (const stele_config_owned *o = stele_config_owned_keys; o->key != NULL; o++) {
            stele_buffer_format(out, "- `%s`: %s\n", o->key, o->reason);
        }
    }
}

void stele_config_write_help(stele_buffer *out)
{
    for (const stele_config_section *s = stele_config_sections; s->name != NULL; s++) {
        stele_buffer_format(out, "%s[%s%s]  %s\n", s == stele_config_sections ? "" : "\n", s->name,
                            s->is_repeated ? " NAME" : "", s->help);
        for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
            if (!is_in(k, s)) continue;
            stele_buffer_format(out, "  %s = %s   (", k->key, k->initial == NULL ? "" : k->initial);
            write_values(out, k, "|");
            stele_buffer_format(out, ")\n      %s\n", k->help);
        }
    }
}
