// SPDX-License-Identifier: MIT
#include <stele/stele.h>

#include "meters.h"

int main(int argc, char **argv)
{
    const stele_aggregate *const aggregates[] = {&meter, nullptr};
    const stele_projection *const projections[] = {&bills, nullptr};
    stele_app app = {};
    app.name = "meters";
    app.aggregates = aggregates;
    app.projections = projections;
    return stele_main(argc, argv, &app);
}
