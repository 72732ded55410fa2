/* One input of a fuzzer: what must hold whatever is in a file. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a file may take: what a reader takes for any, row pointers of 2^24 rows above all, and a multiple
 * of its bytes, as deflated data may be 1032 times as long. */
enum { ALWAYS = 400 << 20, PER_BYTE = 5000, HEAD = 64 };

static char folder[64], path[80], copy[80];
static int64_t live, blocks, asked, fail_at, limit;
static bool refused;

_Noreturn void tl_fuzz_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("fuzz: ", stderr);
    vfprintf(stderr, format, args);
    fprintf(stderr, " (the input is %s)\n", path);
    va_end(args);
    abort();
}

/* ---- Memory: counted, bounded, failing on demand ---- */

static void *allocate(void *context, size_t alignment, size_t size)
{
    const tl_allocator *base = tl_default_allocator();
    (void)context;
    asked++;
    if (asked == fail_at)
        return NULL;
    if ((int64_t)size > limit - live) {
        refused = true;
        return NULL;
    }
    char *block = base->allocate(base->context, alignment, size + HEAD);
    if (!block)
        return NULL;
    memcpy(block, &size, sizeof size);
    live += (int64_t)size;
    blocks++;
    return block + HEAD;
}

static void release(void *context, void *block)
{
    const tl_allocator *base = tl_default_allocator();
    size_t size;
    (void)context;
    memcpy(&size, (char *)block - HEAD, sizeof size);
    live -= (int64_t)size;
    blocks--;
    base->release(base->context, (char *)block - HEAD);
}

/* ---- Files ---- */

static void remove_files(void)
{
    unlink(path);
    unlink(copy);
    rmdir(folder);
}

static void begin(void)
{
    const char *in = getenv("TMPDIR");
    if (path[0])
        return;
    if (!in)
        in = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* where fsync costs nothing */
    snprintf(folder, sizeof folder, "%.40s/tulle-fuzz-XXXXXX", in);
    FUZZ_CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/input", folder);
    snprintf(copy, sizeof copy, "%s/copy", folder);
    atexit(remove_files);
    const tl_allocator counted = { .allocate = allocate, .release = release };
    FUZZ_OK(tl_set_allocator(&counted));
    tl_set_num_threads(1);
}

bool tl_fuzz_put(const char *to, const void *bytes, size_t n)
{
    const int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const bool written = fd >= 0 && write(fd, bytes, n) == (ssize_t)n;
    if (fd >= 0)
        close(fd);
    FUZZ_CHECK(written);
    return true;
}

bool tl_fuzz_put_text(const char *to, int k, const char *const *texts, int n)
{
    return k < n && tl_fuzz_put(to, texts[k], strlen(texts[k]));
}

/* Returns the number that the next file would have. */
static int next_file(void)
{
    const int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

/* ---- One input ---- */

/* Reads the file, with allocation `fail` failing (0: none), and checks what is left of that. */
static tl_status run(int64_t fail)
{
    const int file = next_file();
    asked = 0;
    fail_at = fail;
    refused = false;
    const tl_status status = tl_fuzz_read(path, copy);
    fail_at = 0;
    if (refused)
        tl_fuzz_fail("it asks for more than %lld bytes", (long long)limit);
    if (blocks != 0)
        tl_fuzz_fail("%lld blocks are left", (long long)blocks);
    if (next_file() != file)
        tl_fuzz_fail("a file is left open");
    if (status != TL_OK && !*tl_error())
        tl_fuzz_fail("%s without a text", tl_status_name(status));
    if (status == TL_ERR_MEMORY ? fail == 0 : status != TL_OK && status != TL_ERR_FORMAT)
        tl_fuzz_fail("%s: %s", tl_status_name(status), tl_error());
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    limit = ALWAYS + PER_BYTE * (int64_t)size;
    tl_fuzz_put(path, data, size);
    run(0);
    if (asked > 0) {
        uint64_t k = size; /* some allocation, always the same */
        for (size_t at = 0; at < size; at++)
            k = (k ^ data[at]) * 0x100000001b3;
        run(1 + (int64_t)(k % (uint64_t)asked));
    }
    return 0;
}
