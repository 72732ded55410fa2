/* What all demos share: flags, files of results, curves, checkpoints, a goal. A demo looks like this:
 *
 *     typedef struct options {
 *         demo_options common;
 *         int64_t epochs;
 *     } options;
 *
 *     static const flag flags[] = {
 *         { "--epochs", "N", "passes over the data", FLAG_INTEGER, .at = offsetof(options, epochs), 1, 99 },
 *     };
 *
 *     int main(int argc, char **argv)
 *     {
 *         options o = { .common = DEMO_OPTIONS(0.9), .epochs = 20 };
 *         demo d = { .name = "example", .about = "Does this and that.", .examples = "\n",
 *                    DEMO_FLAGS(flags, o) };
 *         if (!demo_begin(&d, argc, argv))
 *             return d.status;
 *         return demo_end(&d, train(&d, &o) && demo_reached(&d, found >= o.common.goal, "%g found", found));
 *     }
 *
 * Functions that return bool or NULL leave the reason of a failure in tl_error(). */
#ifndef DEMO_H
#define DEMO_H

#include "flags.h"
#include "helpers.h"
#include "measure.h"
#include "output.h"
#include "path.h"
#include "ranks.h"
#include "results.h"
#include "series.h"

/* The flags of every demo. */
typedef struct demo_options {
    const char *data, *json, *csv, *svg, *checkpoint, *resume; /* NULL: not given */
    uint64_t seed;
    int64_t threads; /* -1: the library's default */
    double goal;     /* NaN: the demo's own */
    int64_t parts;   /* of a batch; 0: it is one pass */
    int64_t mpi;
} demo_options;

/* The defaults, with the goal. */
#define DEMO_OPTIONS(goal_)                                                                                  \
    {                                                                                                        \
        .seed = 1, .threads = -1, .goal = (goal_)                                                            \
    }

typedef struct demo {
    const char *name;
    const char *about;    /* for --help, with what the exit status tells */
    const char *data;     /* what --data names, for --help; NULL: there is no such flag */
    bool data_is_file;    /* not a folder */
    const char *goal;     /* what --goal sets, for --help; NULL: there is no such flag */
    bool in_parts;        /* batches may be cut into parts: there are --parts and --mpi */
    const char *x_name;   /* of the curves; NULL: there are none, and no --svg */
    const char *examples; /* lines of arguments, each with its end */
    void (*more)(void);   /* prints other sections of --help; NULL: there are none */
    const flag *flag;     /* the demo's own */
    int n_flags;
    void *options; /* begins with demo_options, and holds the defaults */
    size_t options_size;

    /* From demo_begin on. */
    int status; /* of the program */
    flag_table table;
    ranks ranks;
    tl_checkpoint *checkpoint; /* to which the demo adds its run */
    results results;
    series_list series;
    char *reached_text; /* NULL: the goal has not been looked at */
    bool reached;
} demo;

/* The demo's own flags, and the options that they are in. */
#define DEMO_FLAGS(table_, options_)                                                                         \
    .flag = (table_), .n_flags = sizeof(table_) / sizeof *(table_), .options = &(options_),                  \
    .options_size = sizeof(options_)

/* Reads the command line, sets the number of threads and checks that the files to write can be written.
 * Returns false if the program must exit with d->status. */
bool demo_begin(demo *d, int argc, char **argv);

/* Reads the checkpoint of --resume if there is one, once the run and its series are in d->checkpoint. Like
 * demo_save it fails on all ranks or on none. */
bool demo_resume(demo *d);

/* Writes the checkpoint of --checkpoint if that is given. */
bool demo_save(demo *d);

/* Checks, for a flag with which the run trains nothing, that of the other flags only those are given that it
 * reads, a list that NULL ends, and --data, --threads, --json and --csv. */
bool demo_trains_nothing(const demo *d, const char *because, const char *const *reads);

/* Prints whether the goal is reached, on stdout, or, if it is missed, on stderr by demo_end. Returns true. */
bool demo_reached(demo *d, bool reached, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes the results and frees what demo_begin made; after a failure (ok is false) prints tl_error() on
 * stderr. Returns the exit status: 0 only if all went well and the goal is reached. */
int demo_end(demo *d, bool ok);

#endif
