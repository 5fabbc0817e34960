/* SPDX-License-Identifier: MIT
 * A projection with what the configuration says of it. */
#ifndef STELE_PROJECTIONS_CONFIGURED_H
#define STELE_PROJECTIONS_CONFIGURED_H

#include <stele/projection.h>

#include "core/config.h"

/** A copy of the table, changed by [projection NAME]. Borrows what the table borrows. */
stele_projection stele_projection_configured(const stele_projection *projection,
                                             const stele_config *config);

/** Does it set aside what it refuses (on_failure = park)? */
bool stele_projection_parks(const stele_projection *projection, const stele_config *config);

#endif
