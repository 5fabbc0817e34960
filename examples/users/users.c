/* SPDX-License-Identifier: MIT
 * The smallest program: one event, one projection. */
#include <stele/stele.h>

#include "user.h"
#include "user_created.h"

static stele_status apply_created(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)event, (void)err;
    stele_text_set(&((users_user *)state)->name, ((const users_user_created *)data)->name);
    return STELE_OK;
}

static const stele_aggregate user = {
    .name = "user",
    .events = (const stele_type *const[]){&users_user_created_type, NULL},
};

static const stele_projection directory = {
    .name = "directory",
    .version = 1,
    .source = &user,
    .state = &users_user_type,
    .handlers = (const stele_handler[]){{&users_user_created_type, apply_created}, {NULL, NULL}},
};

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "users",
                          .aggregates = (const stele_aggregate *const[]){&user, NULL},
                          .projections = (const stele_projection *const[]){&directory, NULL},
                      });
}
