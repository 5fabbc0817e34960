/* SPDX-License-Identifier: MIT
 * Several processes register schemas of one subject at once. What the registry promises: an id
 * that was given out stands for its schema forever, and each version can read the one before. */
#include "simulation/world.h"

#include <stele/schema.h>

#include "registry/entry.h"
#include "registry/registry.h"
#include "schemas/scopes.h"

enum { ROUNDS = 12, GIVEN_MAX = SIM_REGISTRARS * ROUNDS, ASK_MS = 5000 };

static const char subject[] = "account.events-sim.Thing";

/* An id that was given out. */
typedef struct given {
    int32_t id;
    char text[200];
} given;

static given all[GIVEN_MAX];
static size_t count;
static int done[SIM_REGISTRARS]; /* rounds, in all lives */

/* Of a field that comes with one of several types: any two of them cannot be read as each other. */
static void write_schema(char text[200], uint32_t fields, uint32_t type)
{
    static const char *const types[] = {"\"int\",\"default\":1", "\"string\",\"default\":\"\"",
                                        "\"boolean\",\"default\":true"};
    snprintf(text, 200,
             "{\"type\":\"record\",\"name\":\"Thing\",\"namespace\":\"sim\",\"fields\":["
             "{\"name\":\"f%u\",\"type\":%s}]}",
             fields, types[type]);
}

static void registrar_main(void *context)
{
    int which = (int)(intptr_t)context;
    stele_error err;
    stele_registry *registry;
    stele_stream random = {stele_stream_next(&world.load)};
    stele_registry_options options = {.log = world.log};
    if (stele_registry_open(&options, &registry, &err) < 0) sim_fail("stopped", "%s", err.text);
    while (done[which] < ROUNDS) {
        given one;
        uint32_t fields = stele_stream_below(&random, 4);
        write_schema(one.text, fields, stele_stream_below(&random, 3));
        stele_status status = stele_registry_register(registry, subject, stele_text(one.text), NULL,
                                                      0, ASK_MS, &one.id, &err);
        if (status == STELE_OK) {
            sim_say("registrar %d was given %d", which, (int)one.id);
            all[count++] = one;
        } else if (status != STELE_E_INCOMPATIBLE && err.next != STELE_NEXT_RETRY) {
            sim_fail("stopped", "a registrar: %s", err.text);
        }
        done[which]++;
        sim_sleep_ms(stele_stream_below(&random, 50));
    }
    stele_registry_close(registry);
}

void sim_start_registrar(int which)
{
    stele_fibers_start(world.fibers, SIM_FIRST_REGISTRAR + which, "registrar", registrar_main,
                       (void *)(intptr_t)which);
}

bool sim_registering(void)
{
    for (int i = 0; i < SIM_REGISTRARS; i++)
        if (stele_fibers_is_running(world.fibers, SIM_FIRST_REGISTRAR + i)) return true;
    return false;
}

/* ---- what must be true in the end ---- */

static stele_schema *parse(stele_bytes text)
{
    stele_schema *schema;
    stele_error err;
    if (stele_schema_parse(text, NULL, &schema, &err) < 0) sim_fail("harness", "%s", err.text);
    return schema;
}

static void check_ids(stele_registry *registry)
{
    stele_error err;
    for (size_t i = 0; i < count; i++) {
        STELE_AUTO(stele_schema) given_out = parse(stele_text(all[i].text));
        STELE_AUTO(stele_schema) found = NULL;
        if (stele_registry_schema(registry, all[i].id, ASK_MS, &found, &err) < 0)
            sim_fail("lost-write", "schema id %d was given out: %s", (int)all[i].id, err.text);
        if (!stele_schema_same_canonical(found, given_out))
            sim_fail("fork", "schema id %d was given out for another schema", (int)all[i].id);
    }
}

static void check_versions(stele_registry *registry)
{
    stele_error err;
    int32_t *versions;
    size_t version_count;
    stele_status status =
        stele_registry_versions(registry, subject, ASK_MS, &versions, &version_count, &err);
    if (status == STELE_E_NOT_FOUND && count == 0) return;
    if (status < 0) sim_fail("lost-write", "%s", err.text);
    stele_schema *last = NULL;
    for (size_t i = 0; i < version_count; i++) {
        STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
        if (stele_registry_version(registry, subject, versions[i], ASK_MS, &entry, &err) < 0)
            sim_fail("lost-write", "%s", err.text);
        stele_schema *schema = parse(stele_text(entry.text));
        const stele_schema *before[] = {last};
        if (last != NULL &&
            stele_schema_check(schema, before, 1, STELE_COMPATIBILITY_BACKWARD, NULL, NULL) > 0)
            sim_fail("fork", "version %d of %s cannot read the one before", (int)versions[i],
                     subject);
        stele_schema_free(last);
        last = schema;
    }
    stele_schema_free(last);
    free(versions);
}

void sim_check_registry(void)
{
    stele_registry *registry;
    stele_error err;
    stele_registry_options options = {.log = world.log};
    if (stele_registry_open(&options, &registry, &err) < 0) sim_fail("harness", "%s", err.text);
    check_ids(registry);
    check_versions(registry);
    stele_registry_close(registry);
    stele_fibers_note(world.fibers, count);
}
