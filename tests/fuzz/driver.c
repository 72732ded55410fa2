/* Fuzzing with any compiler: mutates the seeds of a format, at random but the same for the same number. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SEEDS = 64, MOST_BYTES = 1 << 20, TIMEOUT = 60 };

typedef struct input {
    unsigned char *bytes;
    size_t n;
} input;

static input seed[MOST_SEEDS];
static int seeds;
static uint64_t state;

static const char usage[] =
    "usage: %s [--seconds S | --runs N] [--seed K] [--write-seeds FOLDER] [FILE]...\n"
    "Reads mutations of its seeds, for 10 seconds unless told otherwise; with files, reads these instead.\n";

/* ---- Random numbers: SplitMix64 (Steele, Lea, Flood, 2014) ---- */

static uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static size_t below(size_t n)
{
    return n > 0 ? (size_t)(draw() % n) : 0;
}

/* ---- Mutations ---- */

/* Replaces `gone` bytes at `at` by n others, as far as there is space. */
static void splice(input *in, size_t at, size_t gone, const void *bytes, size_t n)
{
    if (in->n - gone + n > MOST_BYTES)
        return;
    unsigned char *copied = malloc(n + 1); /* the bytes may be the input's own */
    memcpy(copied, bytes, n);
    memmove(in->bytes + at + n, in->bytes + at + gone, in->n - at - gone);
    memcpy(in->bytes + at, copied, n);
    in->n += n - gone;
    free(copied);
}

/* A number in 1, 2, 4 or 8 bytes of either order: small, large, or near what was there. */
static void change_number(input *in)
{
    static const int64_t some[] = { 0,         1,          -1,        2,        127,   128,
                                    255,       256,        32767,     65535,    65536, INT32_MAX,
                                    INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN };
    const size_t width = (size_t)1 << below(4), at = below(in->n);
    uint64_t value = 0;
    if (at + width > in->n)
        return;
    const bool big = draw() & 1;
    for (size_t k = 0; k < width; k++)
        value |= (uint64_t)in->bytes[at + (big ? width - 1 - k : k)] << 8 * k;
    value = draw() & 1 ? value + draw() % 9 - 4 : (uint64_t)some[below(sizeof some / sizeof *some)];
    for (size_t k = 0; k < width; k++)
        in->bytes[at + (big ? width - 1 - k : k)] = (unsigned char)(value >> 8 * k);
}

/* A number as text, in place of digits if there are some. */
static void change_text(input *in)
{
    static const char *const some[] = { "0",
                                        "1",
                                        "-1",
                                        "2",
                                        "00",
                                        "1e999",
                                        "-1e-999",
                                        "nan",
                                        "inf",
                                        "0x1p3",
                                        "1.",
                                        ".5",
                                        "2147483647",
                                        "2147483648",
                                        "4294967296",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "123456789012345678901234567890",
                                        "1e",
                                        "+",
                                        "--1" };
    const char *text = some[below(sizeof some / sizeof *some)];
    const size_t begin = below(in->n);
    size_t at = begin, end;
    while (at < in->n && !(in->bytes[at] >= '0' && in->bytes[at] <= '9'))
        at++;
    for (end = at; end < in->n && in->bytes[end] >= '0' && in->bytes[end] <= '9';)
        end++;
    splice(in, at, end - at, text, strlen(text));
}

static void put_word(input *in)
{
    size_t words = 0;
    while (tl_fuzz_words[words])
        words++;
    if (words == 0)
        return;
    const char *word = tl_fuzz_words[below(words)];
    const size_t at = below(in->n + 1), n = strlen(word), left = in->n - at;
    splice(in, at, draw() & 1 ? 0 : (n < left ? n : left), word, n);
}

static void mutate(input *in)
{
    const size_t at = below(in->n), left = in->n - at, n = 1 + below(draw() & 1 ? 8 : 200),
                 part = n < left ? n : left;
    const input *other = &seed[below((size_t)seeds)];
    switch (in->n == 0 ? 5 : below(9)) {
    case 0: in->bytes[at] ^= (unsigned char)(1 << below(8)); break;
    case 1: in->bytes[at] = (unsigned char)draw(); break;
    case 2: splice(in, at, part, "", 0); break;
    case 3: splice(in, at, 0, in->bytes + below(in->n - part + 1), part); break;
    case 4: change_number(in); break;
    case 5: put_word(in); break;
    case 6: change_text(in); break;
    case 7: in->n = draw() & 3 ? in->n : at; break; /* cuts are dull: fewer of them */
    default:
        if (other->n > 0) {
            const size_t from = below(other->n), most = other->n - from;
            splice(in, at, draw() & 1 ? 0 : part, other->bytes + from, n < most ? n : most);
        }
    }
}

/* ---- Inputs ---- */

static input load(const char *path)
{
    input in = { .bytes = malloc(MOST_BYTES) };
    FILE *f = fopen(path, "rb");
    if (!f || !in.bytes)
        tl_fuzz_fail("cannot read %s", path);
    in.n = fread(in.bytes, 1, MOST_BYTES, f);
    fclose(f);
    return in;
}

/* The seeds, each of which is read without error. */
static void load_seeds(void)
{
    char folder[] = "/tmp/tulle-seed-XXXXXX", path[64], copy[64];
    FUZZ_CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/seed", folder);
    snprintf(copy, sizeof copy, "%s/copy", folder);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0); /* before the library is used */
    while (seeds < MOST_SEEDS && tl_fuzz_seed(seeds, path)) {
        if (tl_fuzz_read(path, copy) != TL_OK)
            tl_fuzz_fail("seed %d: %s", seeds, tl_error());
        seed[seeds++] = load(path);
    }
    unlink(path);
    unlink(copy);
    rmdir(folder);
}

static void write_seeds(const char *folder)
{
    for (int k = 0; k < seeds; k++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/seed-%02d", folder, k);
        tl_fuzz_put(path, seed[k].bytes, seed[k].n);
    }
    printf("%d seeds\n", seeds);
}

/* Bounds what other libraries allocate, too; the sanitizers, which need more addresses, have options for
 * that. */
static void bound_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const struct rlimit most = { (rlim_t)2 << 30, (rlim_t)2 << 30 };
    setrlimit(RLIMIT_AS, &most);
#endif
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Runs mutations until there are enough or it is time. */
static void fuzz(double seconds, long runs)
{
    input in = { .bytes = malloc(MOST_BYTES) };
    const double end = seconds_now() + seconds;
    long run = 0;
    printf("--seed %llu: ", (unsigned long long)state);
    fflush(stdout); /* before a finding */
    for (; runs > 0 ? run < runs : seconds_now() < end; run++) {
        const input *from = &seed[below((size_t)seeds)];
        memcpy(in.bytes, from->bytes, from->n);
        in.n = from->n;
        for (size_t k = below(6) + 1; k > 0; k--)
            mutate(&in);
        alarm(TIMEOUT); /* kills a run that takes longer */
        LLVMFuzzerTestOneInput(in.bytes, in.n);
    }
    alarm(0);
    free(in.bytes);
    printf("%ld inputs from %d seeds, no finding\n", run, seeds);
}

int main(int n, char **argument)
{
    double seconds = 10;
    long runs = 0;
    const char *folder = NULL;
    int k = 1;
    for (; k < n && strncmp(argument[k], "--", 2) == 0; k += 2) {
        const char *name = argument[k] + 2, *value = k + 1 < n ? argument[k + 1] : "";
        if (strcmp(name, "seconds") == 0)
            seconds = atof(value);
        else if (strcmp(name, "runs") == 0)
            runs = atol(value);
        else if (strcmp(name, "seed") == 0)
            state = (uint64_t)atol(value);
        else if (strcmp(name, "write-seeds") == 0)
            folder = value;
        else {
            fprintf(stderr, usage, argument[0]);
            return 2;
        }
    }
    bound_memory();
    load_seeds();
    for (int file = k; file < n; file++) {
        const input in = load(argument[file]);
        LLVMFuzzerTestOneInput(in.bytes, in.n);
        free(in.bytes);
    }
    if (folder)
        write_seeds(folder);
    else if (k == n)
        fuzz(seconds, runs);
    while (seeds > 0)
        free(seed[--seeds].bytes);
    return 0;
}
