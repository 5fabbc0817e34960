/* SPDX-License-Identifier: MIT
 * What [projection NAME] changes in a projection's table. */
#include "projections/configured.h"

stele_projection stele_projection_configured(const stele_projection *projection,
                                             const stele_config *config)
{
    stele_projection configured = *projection;
    const char *name = projection->name;
    if (stele_config_is(config, "projection", name, "unknown_events", "ignore"))
        configured.ignore_other_events = true;
    if (stele_config_is(config, "projection", name, "on_finished", "ignore"))
        configured.on_finished = STELE_ON_FINISHED_IGNORE;
    return configured;
}

bool stele_projection_parks(const stele_projection *projection, const stele_config *config)
{
    return stele_config_is(config, "projection", projection->name, "on_failure", "park");
}
