package peers

import (
	"os"
)

import (
	"github.com/apache/dubbo-getty"

	"github.com/dubbogo/gost/log/logger"

	"go.uber.org/zap"
)

// Quiet sends dubbo-go's log to standard error, which leaves standard output to the reports,
// and keeps to errors. The environment variable INTEROP_LOG sets another level ("debug").
func Quiet() error {
	level := zap.ErrorLevel
	if name := os.Getenv("INTEROP_LOG"); name != "" {
		if err := level.Set(name); err != nil {
			return err
		}
	}
	config := zap.NewDevelopmentConfig()
	config.Level = zap.NewAtomicLevelAt(level)
	config.DisableStacktrace = true
	logger.InitLogger(&logger.Config{ZapConfig: &config})
	getty.SetLogger(logger.GetLogger())
	return nil
}
