"""A program that asks Metal for the working set that it recommends, in bytes, and prints it.

It is run as a process of its own, because a wrong call through the Objective-C runtime ends the process that makes it.
Metal has no other interface without a third-party package, and `sysctl` does not know this figure.
"""

import ctypes
import sys

METAL = "/System/Library/Frameworks/Metal.framework/Metal"
GRAPHICS = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"
OBJECTIVE_C = "/usr/lib/libobjc.A.dylib"


def recommended_working_set() -> int:
    """Return ``recommendedMaxWorkingSetSize`` of the default device, 0 when there is no device.

    Raises:
        OSError: This is no macOS.
    """
    metal = ctypes.CDLL(METAL)
    ctypes.CDLL(GRAPHICS)  # without it a program outside an app bundle is given no default device
    runtime = ctypes.CDLL(OBJECTIVE_C)
    make_device = metal.MTLCreateSystemDefaultDevice
    make_device.restype, make_device.argtypes = ctypes.c_void_p, []
    device = make_device()
    if not device:
        return 0
    selector = runtime.sel_registerName
    selector.restype, selector.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    send = runtime.objc_msgSend
    send.restype, send.argtypes = ctypes.c_uint64, [ctypes.c_void_p, ctypes.c_void_p]
    return int(send(device, selector(b"recommendedMaxWorkingSetSize")))


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{recommended_working_set()}\n")
    except OSError as error:
        sys.exit(f"Metal cannot be asked here: {error}")
