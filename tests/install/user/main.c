/* SPDX-License-Identifier: MIT
 * The smallest application: it has the commands of the stele program and nothing of its own. */
#include <stele/app.h>

int main(int argc, char **argv)
{
    return stele_main(argc, argv, &(stele_app){.name = "user"});
}
