/* SPDX-License-Identifier: MIT
 * Scope cleanup for this module's owners: STELE_AUTO(stele_schema) schema = NULL; and the like. */
#ifndef STELE_SCHEMAS_SCOPES_H
#define STELE_SCHEMAS_SCOPES_H

#include <stele/codec.h>

#include "core/scope.h"

STELE_SCOPE(stele_schema, stele_schema_free);
STELE_SCOPE(stele_type, stele_type_free);
STELE_SCOPE(stele_plan, stele_plan_free);

#endif
