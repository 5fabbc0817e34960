/* SPDX-License-Identifier: MIT
 * The program `stele`: every command, and no application. */
#include <stele/app.h>

int main(int argc, char **argv)
{
    return stele_main(argc, argv, &(stele_app){.name = "stele"});
}
