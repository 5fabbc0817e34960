/* SPDX-License-Identifier: MIT
 * A program whose projection refuses some events: some for ever, some for as long as there is a
 * file, STELE_TEST_SICK. Its state tells in which order the others came. */
#include <stele/stele.h>

#include <stdlib.h>
#include <unistd.h>

#include "put.h"
#include "shelf.h"

static stele_status apply_put(void *state, const void *data, const stele_event *event,
                              stele_error *err)
{
    (void)event;
    poison_shelf *shelf = state;
    const poison_put *put = data;
    const char *file = getenv("STELE_TEST_SICK");
    bool is_sick = put->sick == POISON_SICK_FOR_EVER || (put->sick == POISON_SICK_FOR_A_WHILE &&
                                                         file != NULL && access(file, F_OK) == 0);
    if (is_sick) return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "it is sick");
    shelf->value = (shelf->value * 31 + put->number) % 1000000007;
    shelf->events++;
    return STELE_OK;
}

int main(int argc, char **argv)
{
    const stele_handler handlers[] = {{&poison_put_type, apply_put}, {NULL, NULL}};
    const stele_aggregate shelf = {.name = "shelf",
                                   .events = (const stele_type *const[]){&poison_put_type, NULL}};
    const stele_projection shelves = {.name = "shelves",
                                      .version = 1,
                                      .source = &shelf,
                                      .state = &poison_shelf_type,
                                      .handlers = handlers};
    return stele_main(
        argc, argv,
        &(stele_app){.name = "poison",
                     .aggregates = (const stele_aggregate *const[]){&shelf, NULL},
                     .projections = (const stele_projection *const[]){&shelves, NULL}});
}
